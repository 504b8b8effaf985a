"""Models, composed of layers."""

from backprop_jax.models.linear_softmax import linear_softmax
from backprop_jax.models.mlp import mlp
from backprop_jax.models.residual_mlp import residual_mlp

__all__ = ["linear_softmax", "mlp", "residual_mlp"]
