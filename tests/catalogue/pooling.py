"""Pooling."""

from tests.catalogue.row import Row

POOLINGS: list[Row] = []
