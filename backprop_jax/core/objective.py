"""From a model and a loss to the gradient of what is to be minimized."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_components, require_layer
from backprop_jax.core.cotangents import instantiate, match_vma, pull
from backprop_jax.core.layer import Layer, PyTree, output_like

__all__ = ["Supervised", "supervised", "value_and_grad"]


def supervised(model: Layer, loss: Layer) -> "Supervised":
    """The objective `(x, target) -> loss(model(x), target)`, whose parameters and state are the model's."""
    return Supervised(model, loss)


class SupervisedResiduals(NamedTuple):
    model: PyTree
    loss: PyTree


@dataclass(frozen=True)
class Supervised(Layer):
    """A model followed by a loss.

        y = loss(f(x), target)

    Shapes:   (x, target) -> the loss's output, a scalar unless its reduction is "none".   Params, state: those of f.
    Saves:    what f and the loss save.
    Backward: (dprediction, dtarget) = loss'ᵀ dy,   dx = f'ᵀ dprediction
    Raises:   ValueError if the loss has parameters or state: write `chain(model=first(model), loss=loss)` then.
    """

    is_wiring = True
    layer: Layer
    loss: Layer

    def __post_init__(self) -> None:
        require_layer("supervised", self.layer)
        require_layer("supervised", self.loss)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        require_components(self, x, 2)
        inputs, target = x
        params, state = self.layer.init(key, inputs)
        belongings = self.loss.init(key, (output_like(self.layer, params, state, inputs), target))
        if jax.tree.leaves(belongings):
            raise ValueError(
                f"supervised takes a loss without parameters and state, and {self.loss} has some; "
                "use chain(model=first(model), loss=loss)"
            )
        return params, state

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, SupervisedResiduals]:
        inputs, target = x
        prediction, state, model_residuals = self.layer.forward(params, state, inputs)
        loss, _, loss_residuals = self.loss.forward((), (), (prediction, target))
        return loss, state, SupervisedResiduals(model_residuals, loss_residuals)

    def backward(self, params: PyTree, residuals: SupervisedResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        _, (dprediction, dtarget) = self.loss.backward((), residuals.loss, dy)
        dparams, dinputs = pull(self.layer, params, residuals.model, dprediction)
        return dparams, (dinputs, dtarget)


def value_and_grad(objective: Layer) -> Callable[[PyTree, PyTree, PyTree], tuple[tuple[jax.Array, PyTree], PyTree]]:
    """The function `(params, state, batch) -> ((value, new_state), gradient)` of an objective with scalar output.

    The same form as `jax.value_and_grad(..., has_aux=True)`, by the objective's own backward: forward, then
    `backward(params, residuals, 1.0)`. Integer parameters have the gradient `None`.
    """

    def value_and_gradient(params: PyTree, state: PyTree, batch: PyTree) -> tuple[tuple[jax.Array, PyTree], PyTree]:
        value, new_state, residuals = objective.forward(params, state, batch)
        if jnp.shape(value) != () or not jnp.issubdtype(value.dtype, jnp.floating):
            raise ValueError(
                f"value_and_grad needs a floating point scalar, but {objective} gives {value.dtype}{list(value.shape)}"
            )
        dparams, _ = objective.backward(params, residuals, jnp.ones((), value.dtype))
        return (value, new_state), instantiate(match_vma(dparams, params), params)

    return value_and_gradient
