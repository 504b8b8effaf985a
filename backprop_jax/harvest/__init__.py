"""What only a backward pass of one's own can give: the gradients of single examples and what follows from them."""

from backprop_jax.harvest import local, residuals, rules
from backprop_jax.harvest.agreement import GradientStatistics, alignment, cosines, gradient_statistics
from backprop_jax.harvest.clipping import clipped_sum
from backprop_jax.harvest.curvature import (
    Diagonal,
    Kronecker,
    curvature_diagonal,
    fisher_product,
    gauss_newton_product,
    hessian_product,
    kronecker_factors,
    kronecker_layout,
    scale_by_kfac,
    scale_by_natural_gradient,
    top_eigenvalues,
    trace,
)
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
from backprop_jax.harvest.explanations import grad_cam, guided, input_gradient, integrated_gradients
from backprop_jax.harvest.fused_update import FusedTraining, FusedUpdate, PreviousNorm, TwoPasses, fused_update
from backprop_jax.harvest.in_backward import ReverseGradient, clip_layers, freeze, pcgrad, reconciled_value_and_grad
from backprop_jax.harvest.layerwise_relevance import relevance
from backprop_jax.harvest.norms import each_gradient, gram, square_norms, weighted_sum
from backprop_jax.harvest.per_example import example_gradients, per_example
from backprop_jax.harvest.privacy import noise_for, privacy_spent
from backprop_jax.harvest.private import private_value_and_grad
from backprop_jax.harvest.selecting import Selector, replace_selected
from backprop_jax.harvest.walkthrough import Explanation, LayerExplanation, ParameterExplanation, explain

__all__ = [
    "EDGES",
    "Diagonal",
    "Explanation",
    "FirstBad",
    "FlowStatistics",
    "FusedTraining",
    "FusedUpdate",
    "GradientStatistics",
    "Kronecker",
    "LayerExplanation",
    "LayerTaps",
    "ParameterExplanation",
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
    "curvature_diagonal",
    "each_gradient",
    "example_gradients",
    "explain",
    "find_first_bad",
    "fisher_product",
    "freeze",
    "fused_update",
    "gauss_newton_product",
    "grad_cam",
    "gradient_statistics",
    "gram",
    "guided",
    "hessian_product",
    "input_gradient",
    "integrated_gradients",
    "kronecker_factors",
    "kronecker_layout",
    "local",
    "noise_for",
    "pcgrad",
    "per_example",
    "privacy_spent",
    "private_value_and_grad",
    "read_replay",
    "reconciled_value_and_grad",
    "relevance",
    "replace_selected",
    "residuals",
    "rules",
    "scale_by_kfac",
    "scale_by_natural_gradient",
    "square_norms",
    "top_eigenvalues",
    "trace",
    "weighted_sum",
    "with_taps",
    "write_replay",
]
