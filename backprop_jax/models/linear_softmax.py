"""Softmax regression: the model to beat."""

from backprop_jax.combinators import chain
from backprop_jax.combinators.chain import Chain
from backprop_jax.layers import Dense, Flatten

__all__ = ["linear_softmax"]


def linear_softmax(classes: int = 10) -> Chain:
    """One dense layer; the softmax is in the loss.

    Shapes:   x (B, ...) float, flattened -> logits (B, classes).
    """
    return chain(Flatten(), Dense(classes))
