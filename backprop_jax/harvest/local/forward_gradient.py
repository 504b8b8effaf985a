"""The slope along random directions, by forward mode alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.harvest.local.keyed import key_of
from backprop_jax.harvest.local.perturbation import movable
from backprop_jax.harvest.noise import noise_like

__all__ = ["ForwardGradient"]


@dataclass(frozen=True)
class ForwardGradient:
    """A gradient without any backward pass, right in the mean: `make_step(..., differentiate=ForwardGradient())`.

        g = mean over directions v of (∇L · v) v,   v ~ N(0, 1)

    ∇L · v comes with the loss in one forward pass, by `jax.jvp`; nothing is saved. E[v vᵀ] = 1, so that E[g] = ∇L,
    with a variance of about |∇L|² a parameter over the number of directions. Takes an objective of `Keyed(model)`.

    Raises:   ValueError if directions is less than 1, the model is not Keyed.
    Source:   Baydin et al., 2022, arXiv:2202.08587, section 3.
    """

    directions: int = 1

    def __post_init__(self) -> None:
        if whole_number(self.directions, least=1) is None:
            raise ValueError(f"ForwardGradient needs a whole number of directions, 1 or more, not {self.directions!r}")

    def __call__(self, objective: Layer) -> Callable[[PyTree, PyTree, PyTree], tuple[tuple[jax.Array, PyTree], PyTree]]:
        return partial(self._value_and_gradient, objective)

    def _value_and_gradient(
        self, objective: Layer, params: PyTree, state: PyTree, batch: PyTree
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        keys = jax.random.split(key_of(self, state), self.directions)
        leaves, whole, gradient = movable(params)

        def loss(leaves: list[jax.Array]) -> tuple[jax.Array, PyTree]:
            value, new_state, _ = objective.forward(whole(leaves), state, batch)
            return value, new_state

        def along(key: jax.Array) -> tuple[jax.Array, PyTree, list[jax.Array]]:
            direction = noise_like(key, leaves)
            value, slope, new_state = jax.jvp(loss, (leaves,), (direction,), has_aux=True)
            return value, new_state, [(slope * part).astype(part.dtype) for part in direction]

        # The loss itself is the same in all directions, and vmap computes it once.
        value, new_state, parts = jax.vmap(along, out_axes=(None, None, 0))(keys)
        return (value, new_state), gradient([jnp.mean(part, 0) for part in parts])
