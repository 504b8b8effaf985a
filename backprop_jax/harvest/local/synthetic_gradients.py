"""Gradients foretold from activations, so that no layer waits for those behind it."""

from dataclasses import dataclass
from typing import NamedTuple

import jax

from backprop_jax.combinators.chain import Chain
from backprop_jax.core.checks import require_layer
from backprop_jax.core.children import Children
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.outputs_of_chain import children_of, forward_each, one_output_like, outputs_like

__all__ = ["SyntheticGradients", "synthetic_gradients"]


def synthetic_gradients(chain: Chain, *models: Layer) -> "SyntheticGradients":
    """The chain, with a model m_i after each child but the last, from its output to the gradient there.

    `Dense(F, kernel_init=zeros())` after a child of F features is the linear model of the paper: it begins at 0.
    """
    children = children_of("synthetic_gradients", chain)
    wanted = len(children.layers) - 1
    if len(models) != wanted:
        raise ValueError(
            f"synthetic_gradients of {wanted + 1} layers takes {wanted} models, one after each layer but the last, "
            f"not {len(models)}"
        )
    return SyntheticGradients(children, models)


class Decoupled(NamedTuple):
    """What belongs to the layers, and what to the models of their gradients: parameters, state or residuals."""

    children: PyTree
    models: tuple[PyTree, ...]


class SyntheticResiduals(NamedTuple):
    children: PyTree
    models: tuple[PyTree, ...]
    foretold: tuple[jax.Array, ...]


@dataclass(frozen=True)
class SyntheticGradients(Layer):
    """Layers one after the other, each taught by a model of the gradient that would reach it.

        y = f_n(... f_2(f_1(x))),   h_i = f_i(h_{i-1}),   δ_i = m_i(h_i) / B,   δ_n = dy

    m_i foretells the gradient of an example's own loss, where the loss is a mean over the batch of B.

    Shapes:   f_i (B, ...) to (B, ...), m_i keeps shape and dtype.
    Params, state: (those of the f_i, those of the m_i).
    Saves:    what f_i and m_i save, and m_i(h_i).
    Backward: dparams_i = f_i'ᵀ δ_i;   of m_i the gradient of mean ½ |m_i(h_i) - B f_{i+1}'ᵀ δ_{i+1}|², whose target is
              itself foretold;   dx = f_1'ᵀ δ_1
    Raises:   ValueError if a layer or model gives anything but one array, or what a model gives has another shape or
              dtype.
    Source:   Jaderberg et al., 2017, arXiv:1608.05343, section 2.1.
    """

    children: Children
    models: tuple[Layer, ...]

    def __post_init__(self) -> None:
        for model in self.models:
            require_layer("synthetic_gradients", model)

    def init(self, key: jax.Array, x: jax.Array) -> tuple[Decoupled, Decoupled]:
        chain_key, *keys = jax.random.split(key, len(self.models) + 1)
        params, state = Chain(self.children).init(chain_key, x)
        begun, hidden = [], outputs_like("synthetic_gradients", self.children, params, state, x)[:-1]
        for h, model, own_key in zip(hidden, self.models, keys, strict=True):
            own, own_state = model.init(own_key, h)
            begun.append((own, own_state))
            given = one_output_like("synthetic_gradients", "models", model, own, own_state, h)
            if (given.shape, given.dtype) != (h.shape, h.dtype):
                raise ValueError(
                    f"{model} is to give a gradient of the shape and dtype of its input, {h.dtype}{list(h.shape)}, not "
                    f"{given.dtype}{list(given.shape)}"
                )
        models, model_state = zip(*begun, strict=True)
        return Decoupled(params, models), Decoupled(state, model_state)

    def forward(
        self, params: Decoupled, state: Decoupled, x: jax.Array
    ) -> tuple[jax.Array, Decoupled, SyntheticResiduals]:
        (*hidden, y), new_state, residuals = forward_each(self.children, params.children, state.children, x)
        calls = zip(self.models, params.models, state.models, hidden, strict=True)
        foretold, model_state, model_residuals = zip(*(m.forward(own, s, h) for m, own, s, h in calls), strict=True)
        return y, Decoupled(new_state, model_state), SyntheticResiduals(residuals, model_residuals, foretold)

    def backward(self, params: Decoupled, residuals: SyntheticResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        count = len(dy)
        errors = [*(given / count for given in residuals.foretold), dy]
        calls = zip(self.children.zip(params.children, residuals.children), errors, strict=True)
        pulls = [layer.backward(own, saved, error) for (layer, own, saved), error in calls]
        dparams, reached = zip(*pulls, strict=True)
        learned = [
            model.backward(own, saved, error - below)[0]
            for model, own, saved, error, below in zip(
                self.models, params.models, residuals.models, errors[:-1], reached[1:], strict=True
            )
        ]
        return Decoupled(self.children.pack(dparams), tuple(learned)), reached[0]
