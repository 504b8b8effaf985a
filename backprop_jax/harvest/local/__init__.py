"""Learning without a backward pass through the whole network."""

from backprop_jax.harvest.local.equilibrium_propagation import EquilibriumPropagation
from backprop_jax.harvest.local.evolution_strategies import EvolutionStrategies
from backprop_jax.harvest.local.forward_forward import ForwardForward, forward_forward
from backprop_jax.harvest.local.forward_forward_loss import ForwardForwardLoss
from backprop_jax.harvest.local.forward_gradient import ForwardGradient
from backprop_jax.harvest.local.keyed import Keyed
from backprop_jax.harvest.local.predictive_coding import PredictiveCoding
from backprop_jax.harvest.local.synthetic_gradients import SyntheticGradients, synthetic_gradients
from backprop_jax.harvest.local.target_propagation import TargetPropagation, target_propagation

__all__ = [
    "EquilibriumPropagation",
    "EvolutionStrategies",
    "ForwardForward",
    "ForwardForwardLoss",
    "ForwardGradient",
    "Keyed",
    "PredictiveCoding",
    "SyntheticGradients",
    "TargetPropagation",
    "forward_forward",
    "synthetic_gradients",
    "target_propagation",
]
