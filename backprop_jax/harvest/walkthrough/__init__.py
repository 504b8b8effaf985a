"""One batch on its way through a model, forward and backward, layer by layer."""

from backprop_jax.harvest.walkthrough.explanation import Explanation, LayerExplanation, ParameterExplanation
from backprop_jax.harvest.walkthrough.walk import explain

__all__ = ["Explanation", "LayerExplanation", "ParameterExplanation", "explain"]
