"""Proofs for users: the same checks that every layer and transform of the library passes, for yours."""

from backprop_jax.testing.check_layer import LayerReport, check_layer
from backprop_jax.testing.check_transform import check_transform
from backprop_jax.testing.cross_check import CrossCheck, cross_check

__all__ = ["CrossCheck", "LayerReport", "check_layer", "check_transform", "cross_check"]
