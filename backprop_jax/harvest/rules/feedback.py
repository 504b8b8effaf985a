"""Other weights on the way back: what a brain, or a chip, that cannot transpose its weights might do."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_layer
from backprop_jax.core.keys import typed_key
from backprop_jax.core.layer import Layer, PyTree

__all__ = ["FeedbackAlignment", "WeightMirror"]


class FeedbackState(NamedTuple):
    layer: PyTree
    feedback: PyTree  # in the form of the parameters


def _through(feedback: PyTree, layer: Layer, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
    """The layer's own backward, with the feedback in the place of the parameters for dx."""
    dparams, _ = layer.backward(params, residuals, dy)
    _, dx = layer.backward(feedback, residuals, dy)
    return dparams, dx


@dataclass(frozen=True)
class FeedbackAlignment(Layer):
    """A layer whose cotangent goes back through weights that are not its own.

        y = f(params, x)

    Params:   those of f.   State: (that of f, feedback), feedback drawn as f draws its parameters, and never changed.
    Saves:    what f saves, and a reference to the feedback.
    Backward: dparams = f'ᵀ dy as ever,   dx = that of f with the feedback in the place of the parameters; with
              signs="own" the feedback has the signs that the parameters have now.
    Units:    a parameter that is drawn as zeros, a norm's shift or a last layer's weights, has zeros as feedback.
    Raises:   ValueError if signs is of another kind.
    Source:   Lillicrap et al., 2016, Nature Communications 7; with the own signs Liao, Leibo & Poggio, 2016,
              arXiv:1510.05067 (fixed random magnitudes).
    """

    layer: Layer
    signs: Literal["random", "own"] = "random"

    def __post_init__(self) -> None:
        require_layer("FeedbackAlignment", self.layer)
        if self.signs not in ("random", "own"):
            raise ValueError(f"FeedbackAlignment needs signs 'random' or 'own', not {self.signs!r}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, FeedbackState]:
        own_key, feedback_key = jax.random.split(key)
        params, state = self.layer.init(own_key, x)
        return params, FeedbackState(state, self.layer.init(feedback_key, x)[0])

    def forward(self, params: PyTree, state: FeedbackState, x: PyTree) -> tuple[PyTree, FeedbackState, PyTree]:
        y, new_state, residuals = self.layer.forward(params, state.layer, x)
        return y, FeedbackState(new_state, state.feedback), (residuals, state.feedback)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        residuals, feedback = residuals
        if self.signs == "own":
            feedback = jax.tree.map(lambda own, other: jnp.sign(own) * jnp.abs(other), params, feedback)
        return _through(feedback, self.layer, params, residuals, dy)


class MirrorState(NamedTuple):
    layer: PyTree
    feedback: PyTree
    key: jax.Array


@dataclass(frozen=True)
class WeightMirror(Layer):
    """Feedback that learns to be the layer's own weights, without ever reading them.

        y = f(params, x),   feedback ← (1 - decay) feedback + rate mean(ξᵀ z),   z = f(params, ξ) - f(params, 0)

    with noise ξ like x: for a layer that is linear in x, as Dense and Conv are, ξᵀ z is the weights, in the mean. It
    settles at rate / decay times them. One forward and one weight-gradient pass more a step.

    Params:   those of f.   State: (that of f, feedback, key).   Saves: what f saves, and a reference to the feedback.
    Backward: dparams = f'ᵀ dy,   dx = that of f with the feedback in the place of the parameters
    Units:    rate and decay are per step.
    Raises:   ValueError if rate is not above 0, decay not in (0, 1].
    Source:   Akrout et al., 2019, arXiv:1904.05391, section 3.1.
    """

    layer: Layer
    rate: float = 0.05
    decay: float = 0.05
    train: bool = True

    def __post_init__(self) -> None:
        require_layer("WeightMirror", self.layer)
        if not self.rate > 0 or not 0 < self.decay <= 1:
            raise ValueError(
                f"WeightMirror needs a rate above 0 and a decay in (0, 1], not {self.rate!r} and {self.decay!r}"
            )

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, MirrorState]:
        own_key, feedback_key, noise_key = jax.random.split(key, 3)
        params, state = self.layer.init(own_key, x)
        feedback, _ = self.layer.init(feedback_key, x)
        return params, MirrorState(state, feedback, typed_key(noise_key))

    def forward(self, params: PyTree, state: MirrorState, x: jax.Array) -> tuple[PyTree, MirrorState, PyTree]:
        y, new_state, residuals = self.layer.forward(params, state.layer, x)
        feedback, key = state.feedback, state.key
        if self.train:
            key, noise_key = jax.random.split(key)
            feedback = self._mirrored(params, state, jax.random.normal(noise_key, x.shape, x.dtype))
        return y, MirrorState(new_state, feedback, key), (residuals, state.feedback)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        residuals, feedback = residuals
        return _through(feedback, self.layer, params, residuals, dy)

    def _mirrored(self, params: PyTree, state: MirrorState, noise: jax.Array) -> PyTree:
        at_noise, _, saved = self.layer.forward(params, state.layer, noise)
        at_zero, _, _ = self.layer.forward(params, state.layer, jnp.zeros_like(noise))
        products, _ = self.layer.backward(params, saved, at_noise - at_zero)
        rows = max(1, at_noise.size // at_noise.shape[-1])  # places at which the weights were met
        return jax.tree.map(
            lambda old, found: (1 - self.decay) * old + self.rate * found / rows, state.feedback, products
        )
