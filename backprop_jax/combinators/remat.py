"""Memory for time: save the input only, and run forward again when backward asks."""

from dataclasses import dataclass

import jax

from backprop_jax.combinators.chain import chain
from backprop_jax.core.checks import require_layer
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.ordering import in_order

__all__ = ["Remat", "remat"]


def remat(*layers: Layer) -> "Remat":
    """The layers, chained, that save only their input. One layer stays itself and keeps its own parameters."""
    return Remat(layers[0] if len(layers) == 1 else chain(*layers))


@dataclass(frozen=True)
class Remat(Layer):
    """A layer that saves its input alone and recomputes its residuals.

        y = f(x)

    Params, state: those of f.   Saves: x and the state before the call (usually none, or keys).
    Backward: runs f again for its residuals, then f'ᵀ dy. What f's backward does not need, XLA does not recompute:
              `remat(LayerNorm(), Dense(D))` recomputes the norm and not the matmul.
    Source:   Chen, Xu, Zhang & Guestrin, 2016, arXiv:1604.06174.
    """

    is_wiring = True
    layer: Layer

    def __post_init__(self) -> None:
        require_layer("remat", self.layer)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, new_state, _ = self.layer.forward(params, state, x)
        return y, new_state, (state, x)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        # Or else XLA would see the same expression twice, and keep the first result alive instead of recomputing it.
        dy, (state, x) = in_order(dy, residuals)
        _, _, recomputed = self.layer.forward(params, state, x)
        return self.layer.backward(params, recomputed, dy)
