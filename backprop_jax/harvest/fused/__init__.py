"""The optimizer's step inside the backward pass, one compiled program a kind of layer."""

from backprop_jax.harvest.fused.clip import PreviousNorm, TwoPasses
from backprop_jax.harvest.fused.step import FusedUpdate, fused_update
from backprop_jax.harvest.fused.training import FusedTraining

__all__ = ["FusedTraining", "FusedUpdate", "PreviousNorm", "TwoPasses", "fused_update"]
