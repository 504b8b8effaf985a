"""Gradients with noise that fades."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer
from backprop_jax.harvest.in_backward.of_one_layer import change_selected
from backprop_jax.harvest.in_backward.randomly_changed import RandomlyChanged
from backprop_jax.harvest.noise import normal_noise
from backprop_jax.harvest.selecting import Selector

__all__ = ["noise_layers"]


def noise_layers(layer: Layer, selector: Selector, eta: float, gamma: float = 0.55) -> Layer:
    """The layer in which the gradient of the selected layers' parameters has normal noise that fades over the steps.

        dparams + σ_t ξ,   σ_t² = eta / (1 + t)^gamma,   ξ standard normal, t = 0, 1, ... the step

    Each selected layer counts its own training steps and draws from its own key, both in its state: give the selector
    before `init`. What goes on to the layers before is not changed. All layers at once are `optim.add_noise`'s.

    Units:    eta is in those of a squared gradient; the paper tries 0.01, 0.3 and 1.
    Raises:   ValueError if eta or gamma is below 0 or infinite, the selector means no layer, or one with a parameter of
              two uses.
    Source:   Neelakantan et al., 2015, arXiv:1511.06807, eq. 1.
    """
    if not (0 <= eta < math.inf and 0 <= gamma < math.inf):
        raise ValueError(f"noise_layers needs a finite eta and gamma of 0 or more, not {eta!r} and {gamma!r}")
    rule = FadingNoise(eta, gamma)
    return change_selected("noise_layers", layer, selector, lambda part: RandomlyChanged(part, rule))


@dataclass(frozen=True)
class FadingNoise:
    """The rule of `noise_layers`."""

    eta: float
    gamma: float

    def __call__(self, gradient: jax.Array, key: jax.Array, step: jax.Array) -> jax.Array:
        deviation = jnp.sqrt(self.eta / (1 + step.astype(jnp.float32)) ** self.gamma)
        return gradient + deviation * normal_noise(key, gradient.shape)
