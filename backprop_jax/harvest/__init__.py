"""What only a backward pass of one's own can give: the gradients of single examples and what follows from them."""

from backprop_jax.harvest.agreement import GradientStatistics, alignment, cosines, gradient_statistics
from backprop_jax.harvest.clipping import clipped_sum
from backprop_jax.harvest.fused_update import FusedTraining, FusedUpdate, PreviousNorm, TwoPasses, fused_update
from backprop_jax.harvest.norms import each_gradient, gram, square_norms, weighted_sum
from backprop_jax.harvest.per_example import example_gradients, per_example
from backprop_jax.harvest.privacy import noise_for, privacy_spent
from backprop_jax.harvest.private import private_value_and_grad

__all__ = [
    "FusedTraining",
    "FusedUpdate",
    "GradientStatistics",
    "PreviousNorm",
    "TwoPasses",
    "alignment",
    "clipped_sum",
    "cosines",
    "each_gradient",
    "example_gradients",
    "fused_update",
    "gradient_statistics",
    "gram",
    "noise_for",
    "per_example",
    "privacy_spent",
    "private_value_and_grad",
    "square_norms",
    "weighted_sum",
]
