"""Normalizations over more than the last axis."""

from tests.catalogue.row import Row

NORMALIZATIONS: list[Row] = []
