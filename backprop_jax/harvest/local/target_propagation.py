"""Targets in the place of gradients, carried down by learned inverses."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax

from backprop_jax.combinators.chain import Chain
from backprop_jax.core.checks import require_layer
from backprop_jax.core.children import Children
from backprop_jax.core.keys import typed_key
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.harvest.outputs_of_chain import children_of, forward_each, one_output_like, outputs_like

__all__ = ["TargetPropagation", "target_propagation"]


def target_propagation(chain: Chain, *inverses: Layer, step: float = 0.1, noise: float = 0.1) -> "TargetPropagation":
    """The chain, whose children f_1 ... f_n are given targets by g_2 ... g_{n-1}: g_i maps back what f_i maps.

    Let a child be a layer with its activation, such as `chain(Dense(64), Tanh())`.
    """
    children = children_of("target_propagation", chain)
    wanted = len(children.layers) - 2
    if len(inverses) != wanted:
        raise ValueError(
            f"target_propagation of {wanted + 2} layers takes {wanted} inverses, for all but the first and the last, "
            f"not {len(inverses)}"
        )
    return TargetPropagation(children, inverses, step, noise)


class TargetParams(NamedTuple):
    children: PyTree
    inverses: tuple[PyTree, ...]


class TargetState(NamedTuple):
    children: PyTree
    inverses: tuple[PyTree, ...]
    key: jax.Array


class TargetResiduals(NamedTuple):
    children: PyTree
    hidden: list[jax.Array]  # h_1 ... h_{n-1}
    state: TargetState


@dataclass(frozen=True)
class TargetPropagation(Layer):
    """Layers that each come closer to a target of their own.

        y = f_n(... f_2(f_1(x))),   h_i = f_i(h_{i-1})
        ĥ_{n-1} = h_{n-1} - step f_n'ᵀ dy,   ĥ_{i-1} = h_{i-1} + g_i(ĥ_i) - g_i(h_i)

    each for an example's own loss: dy times B, if the loss is a mean over the batch. The correction by g_i(h_i) takes
    out what g_i lacks to an inverse. The g_i learn to invert, near h, in the same step.

    Shapes:   f_i (B, ...) to (B, ...), g_i back to the shape of its input.
    Params:   (those of the f_i, those of the g_i).   State: (that of the f_i, that of the g_i, key).
    Saves:    what the f_i save, the h_i, and references to the state.
    Backward: dparams of f_n as ever; of f_i, i < n: the gradient of mean ½ |f_i(h_{i-1}) - ĥ_i|² / step; of g_i: that
              of mean ½ |g_i(f_i(h̃)) - h̃|², h̃ = h_{i-1} + noise ξ, ξ ~ N(0, 1). dx is that of f_1.
    Units:    noise is in those of h. The division by step leaves to dparams the size that gradients have.
    Raises:   ValueError if step is not above 0, noise below 0, either infinite, an f_i or g_i gives anything but one
              array, or what g_i gives has another shape or dtype.
    Source:   Lee et al., 2015, arXiv:1412.7525, algorithm 1 and equations 13-15.
    """

    children: Children
    inverses: tuple[Layer, ...]
    step: float = 0.1
    noise: float = 0.1

    def __post_init__(self) -> None:
        for inverse in self.inverses:
            require_layer("target_propagation", inverse)
        if not 0 < self.step < math.inf or not 0 <= self.noise < math.inf:
            raise ValueError(
                "TargetPropagation needs a step above 0 and a noise of 0 or more, both finite, not "
                f"{self.step!r} and {self.noise!r}"
            )

    def init(self, key: jax.Array, x: jax.Array) -> tuple[TargetParams, TargetState]:
        keys = jax.random.split(key, len(self.inverses) + 2)
        params, state = Chain(self.children).init(keys[0], x)
        hidden, back = outputs_like("target_propagation", self.children, params, state, x), []
        for inverse, below, above, own_key in zip(self.inverses, hidden, hidden[1:], keys[2:], strict=False):
            own, own_state = inverse.init(own_key, above)
            back.append((own, own_state))
            given = one_output_like("target_propagation", "inverses", inverse, own, own_state, above)
            if (given.shape, given.dtype) != (below.shape, below.dtype):
                raise ValueError(
                    f"{inverse} is to give what a layer was given, {below.dtype}{list(below.shape)}, not "
                    f"{given.dtype}{list(given.shape)}"
                )
        own, own_state = zip(*back, strict=True) if back else ((), ())
        return TargetParams(params, own), TargetState(state, own_state, typed_key(keys[1]))

    def forward(
        self, params: TargetParams, state: TargetState, x: jax.Array
    ) -> tuple[jax.Array, TargetState, TargetResiduals]:
        (*hidden, y), new_state, residuals = forward_each(self.children, params.children, state.children, x)
        after = TargetState(new_state, state.inverses, jax.random.split(state.key)[0])
        return y, after, TargetResiduals(residuals, hidden, state)

    def backward(self, params: TargetParams, residuals: TargetResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        layers = self.children.zip(params.children, residuals.children)
        hidden, state = residuals.hidden, residuals.state
        last, own, saved = layers[-1]
        own_dparams, error = last.backward(own, saved, dy)  # error: of h_i, (h_i - ĥ_i) / (step B)
        dparams, away = [own_dparams], self.step * len(dy)
        for i in reversed(range(len(hidden))):
            layer, own, saved = layers[i]
            own_dparams, dx = layer.backward(own, saved, error.astype(hidden[i].dtype))
            dparams.append(own_dparams)
            if i:
                inverse, own, own_state = self.inverses[i - 1], params.inverses[i - 1], state.inverses[i - 1]
                at_target, at_value = (
                    inverse.forward(own, own_state, h)[0] for h in (hidden[i] - away * error, hidden[i])
                )
                error = (at_value - at_target) / away
        learned = [self._inverse_gradient(i, params, residuals) for i in range(len(self.inverses))]
        return TargetParams(self.children.pack(reversed(dparams)), tuple(learned)), dx

    def _inverse_gradient(self, i: int, params: TargetParams, residuals: TargetResiduals) -> PyTree:
        """Of the inverse of the layer after hidden[i]."""
        h, state = residuals.hidden[i], residuals.state
        key = jax.random.fold_in(jax.random.split(state.key)[1], i)
        near = h + self.noise * jax.random.normal(key, h.shape, h.dtype)
        layer, own, own_state = self.children.zip(params.children, state.children)[i + 1]
        above, _, _ = layer.forward(own, own_state, near)
        again, _, saved = self.inverses[i].forward(params.inverses[i], state.inverses[i], above)
        return self.inverses[i].backward(params.inverses[i], saved, (again - near) / len(h))[0]
