"""The multilayer perceptron."""

from collections.abc import Sequence

from backprop_jax.combinators import chain
from backprop_jax.combinators.chain import Chain
from backprop_jax.core.layer import Layer
from backprop_jax.layers import GELU, Dense, Dropout, Flatten

__all__ = ["mlp"]


def mlp(
    features: Sequence[int] = (256, 256), classes: int = 10, rate: float = 0.0, activation: Layer = GELU()
) -> Chain:
    """Dense layers with an activation, and dropout if `rate` is not 0, after each but the last.

    Shapes:   x (B, ...) float, flattened -> logits (B, classes).   Params: one entry a layer, empty for most.
    Units:    `features` are the widths of the hidden layers, from the input on; `rate` is the fraction removed.
    """
    hidden: list[Layer] = []
    for width in features:
        hidden += [Dense(width), activation]
        if rate != 0:
            hidden.append(Dropout(rate))
    return chain(Flatten(), *hidden, Dense(classes))
