"""Layers that resize, pad, rearrange or drop parts of images."""

from tests.catalogue.row import Row

RESAMPLINGS: list[Row] = []
