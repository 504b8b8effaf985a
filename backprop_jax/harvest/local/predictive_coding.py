"""Layers that guess each other's values, and settle before they learn."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.combinators.chain import Chain
from backprop_jax.core.cotangents import instantiate
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.core.whole_number import whole_number
from backprop_jax.harvest.outputs_of_chain import forward_each, outputs_like

__all__ = ["PredictiveCoding"]


@dataclass(frozen=True)
class PredictiveCoding:
    """Learning from local prediction errors: `make_step(..., differentiate=PredictiveCoding())`.

    The values x_i of the layers of a chain are free, and settle to lower the energy of each example

        F = Σ_{i<n} ½ |ε_i|² + precision loss(f_n(x_{n-1}), target),   ε_i = x_i - f_i(x_{i-1})
        x_i ← x_i + rate (-ε_i + f_{i+1}'ᵀ ε_{i+1}),   ε_n = -precision ∂loss

    `steps` times from the forward pass, x_0 the input. Then dparams_i = -f_i'ᵀ ε_i / precision, of the mean over the
    batch: each layer uses its own error alone. It approaches the gradient as the precision falls. The loss is to be a
    mean over the batch. With `chain(Tanh(), Dense(F))` for layers, and half the squared error as loss, it is the
    paper's network with variances of 1, and of 1 / precision at the output.

    Units:    precision times the loss of an example, ½ |ε|² and so F are in the same.
    Raises:   ValueError if steps is less than 1, rate or precision not above 0 and finite, the loss has a reduction
              other than "mean", or the objective is no supervised chain of two layers or more that give one array each.
    Source:   Whittington & Bogacz, 2017, doi:10.1162/NECO_a_00949, equations 2.16-2.19.
    """

    steps: int = 20
    rate: float = 0.2
    precision: float = 1.0

    def __post_init__(self) -> None:
        settings = self.rate, self.precision
        if whole_number(self.steps, least=1) is None or not all(0 < number < math.inf for number in settings):
            raise ValueError(
                "PredictiveCoding needs a whole number of steps, 1 or more, and a rate and a precision above 0 and "
                f"finite, not {self.steps!r}, {self.rate!r} and {self.precision!r}"
            )

    def __call__(self, objective: Layer) -> Callable[[PyTree, PyTree, PyTree], tuple[tuple[jax.Array, PyTree], PyTree]]:
        match objective:
            case Supervised(layer=Chain() as chain, loss=loss) if len(chain.children.layers) > 1:
                if getattr(loss, "reduction", "mean") != "mean":
                    raise ValueError(f"{self} takes a loss that is a mean over the batch, not {loss}")
                return partial(self._value_and_gradient, chain, loss)
        raise ValueError(f"{self} takes supervised(chain(...), loss) with two layers or more, not {objective}")

    def _value_and_gradient(
        self, chain: Chain, loss: Layer, params: PyTree, state: PyTree, batch: PyTree
    ) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        layers = chain.children.zip(params, state)
        x, target = batch
        outputs_like("PredictiveCoding", chain.children, params, state, x)
        guesses, new_state, _ = forward_each(chain.children, params, state, x)
        value, _, _ = loss.forward((), (), (guesses[-1], target))
        weight = self.precision * len(guesses[-1])  # an example's own loss is the mean's part times the batch

        def pulled(values: list[jax.Array]) -> tuple[list[jax.Array], list[tuple[PyTree, PyTree]]]:
            """ε_i of each layer, and (f_i'ᵀ ε_i by its parameters, by its input)."""
            errors, pulls = [], []
            for i, (layer, own, own_state) in enumerate(layers):
                guess, _, residuals = layer.forward(own, own_state, values[i])
                if i + 1 < len(layers):
                    error = values[i + 1] - guess
                else:
                    cost, _, saved = loss.forward((), (), (guess, target))
                    error = -weight * loss.backward((), saved, jnp.ones_like(cost))[1][0]
                errors.append(error)
                pulls.append(layer.backward(own, residuals, error))
            return errors, pulls

        def settle(_: int, values: list[jax.Array]) -> list[jax.Array]:
            errors, pulls = pulled([x, *values])
            return [v + self.rate * (dx - e) for v, e, (_, dx) in zip(values, errors[:-1], pulls[1:], strict=True)]

        values = lax.fori_loop(0, self.steps, settle, guesses[:-1])
        _, pulls = pulled([x, *values])
        found = chain.children.pack(dparams for dparams, _ in pulls)
        gradient = jax.tree.map(lambda leaf: (leaf / -weight).astype(leaf.dtype), found)
        return (value, new_state), instantiate(gradient, params)
