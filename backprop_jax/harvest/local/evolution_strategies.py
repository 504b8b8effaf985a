"""The slope of the smoothed loss, from losses alone."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.harvest.local.keyed import key_of
from backprop_jax.harvest.local.perturbation import movable
from backprop_jax.harvest.noise import noise_like

__all__ = ["EvolutionStrategies"]


@dataclass(frozen=True)
class EvolutionStrategies:
    """A gradient from the losses of perturbed models: `make_step(..., differentiate=EvolutionStrategies())`.

        g = mean over pairs of (L(θ + σ ε) - L(θ - σ ε)) / (2 σ) ε,   ε ~ N(0, 1)

    E[g] is the gradient of E[L(θ + σ ε)], the loss with its corners rounded, so the loss need have none itself. The
    pairs are one after the other and only the sum is kept. Takes an objective of `Keyed(model)`; all members of a pair
    see the same batch and the same dropout. The new state is that of the unperturbed model.

    Units:    sigma is in those of the parameters. A step costs 2 pairs + 1 forward passes.
    Raises:   ValueError if pairs is less than 1, sigma not above 0 and finite, the model not Keyed.
    Source:   Salimans et al., 2017, arXiv:1703.03864, algorithm 1, with the mirrored samples of section 2.1.
    """

    pairs: int = 16
    sigma: float = 0.05

    def __post_init__(self) -> None:
        if whole_number(self.pairs, least=1) is None or not 0 < self.sigma < math.inf:
            raise ValueError(
                "EvolutionStrategies needs a whole number of pairs, 1 or more, and a sigma above 0 and finite, "
                f"not {self.pairs!r} and {self.sigma!r}"
            )

    def __call__(self, objective: Layer) -> Callable[[PyTree, PyTree, PyTree], tuple[tuple[jax.Array, PyTree], PyTree]]:
        return partial(self._value_and_gradient, objective)

    def _value_and_gradient(
        self, objective: Layer, params: PyTree, state: PyTree, batch: PyTree
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        keys = jax.random.split(key_of(self, state), self.pairs)
        leaves, whole, gradient = movable(params)
        value, new_state, _ = objective.forward(params, state, batch)

        def moved(noise: list[jax.Array], by: float) -> jax.Array:
            there = [(leaf + by * part).astype(leaf.dtype) for leaf, part in zip(leaves, noise, strict=True)]
            return objective.forward(whole(there), state, batch)[0]

        def pair(total: list[jax.Array], key: jax.Array) -> tuple[list[jax.Array], None]:
            noise = noise_like(key, leaves)
            slope = (moved(noise, self.sigma) - moved(noise, -self.sigma)) / (2 * self.sigma)
            return [(old + slope * part).astype(old.dtype) for old, part in zip(total, noise, strict=True)], None

        total, _ = lax.scan(pair, [jnp.zeros_like(leaf) for leaf in leaves], keys)
        return (value, new_state), gradient([part / self.pairs for part in total])
