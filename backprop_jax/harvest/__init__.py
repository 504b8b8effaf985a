"""What only a backward pass of one's own can give: the gradients of single examples and what follows from them."""

from backprop_jax.harvest.agreement import GradientStatistics, alignment, cosines, gradient_statistics
from backprop_jax.harvest.clipping import clipped_sum
from backprop_jax.harvest.diagnosis import (
    EDGES,
    FirstBad,
    FlowStatistics,
    LayerTaps,
    Replay,
    Taps,
    find_first_bad,
    read_replay,
    with_taps,
    write_replay,
)
from backprop_jax.harvest.fused_update import FusedTraining, FusedUpdate, PreviousNorm, TwoPasses, fused_update
from backprop_jax.harvest.in_backward import ReverseGradient, clip_layers, freeze, pcgrad, reconciled_value_and_grad
from backprop_jax.harvest.norms import each_gradient, gram, square_norms, weighted_sum
from backprop_jax.harvest.per_example import example_gradients, per_example
from backprop_jax.harvest.privacy import noise_for, privacy_spent
from backprop_jax.harvest.private import private_value_and_grad
from backprop_jax.harvest.selecting import Selector, replace_selected

__all__ = [
    "EDGES",
    "FirstBad",
    "FlowStatistics",
    "FusedTraining",
    "FusedUpdate",
    "GradientStatistics",
    "LayerTaps",
    "PreviousNorm",
    "Replay",
    "ReverseGradient",
    "Selector",
    "Taps",
    "TwoPasses",
    "alignment",
    "clip_layers",
    "clipped_sum",
    "cosines",
    "each_gradient",
    "example_gradients",
    "find_first_bad",
    "freeze",
    "fused_update",
    "gradient_statistics",
    "gram",
    "noise_for",
    "pcgrad",
    "per_example",
    "privacy_spent",
    "private_value_and_grad",
    "read_replay",
    "reconciled_value_and_grad",
    "replace_selected",
    "square_norms",
    "weighted_sum",
    "with_taps",
    "write_replay",
]
