"""Samples of what CTC is the surprise of: sequences of labels."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import PyTree
from backprop_jax.layers.recurrent.padded import Padded, mask_of
from backprop_jax.losses import CTC

__all__ = ["CTCRoot", "only_samples"]


@dataclass(frozen=True)
class CTCRoot:
    """The root of the Fisher matrix of CTC by the logits, of which only samples are known.

    There are too many sequences of labels to go through. A path drawn from p, one symbol a step, becomes one of them
    with just the chance that the loss is the negative logarithm of.
    """

    loss: CTC
    value: jax.Array
    prediction: PyTree  # (B, T, V), or `Padded`
    shares: jax.Array  # of the examples' losses in the mean: () or (B,)

    @property
    def columns(self) -> int:
        raise only_samples(self.loss)

    def column(self, number: jax.Array) -> PyTree:
        raise only_samples(self.loss)

    def sample(self, key: jax.Array, share: float = 1.0) -> PyTree:
        loss = CTC(self.loss.blank, reduction="none")
        value, _, residuals = loss.forward((), (), (self.prediction, self._draw(key)))
        return loss.backward((), residuals, jnp.sqrt(share * jnp.broadcast_to(self.shares, value.shape)))[1][0]

    def product(self, tangent: PyTree) -> PyTree:
        raise only_samples(self.loss)

    def _draw(self, key: jax.Array) -> Padded:
        blank, padded = self.loss.blank, self.prediction
        logits, lengths = padded if isinstance(padded, Padded) else (padded, None)
        symbols = jax.random.categorical(key, logits.astype(jnp.promote_types(logits.dtype, jnp.float32)))
        if lengths is not None:
            symbols, count = _to_the_front(symbols, mask_of(lengths, symbols.shape[1]))
            symbols = jnp.where(mask_of(count, symbols.shape[1]), symbols, blank)
        # Equal symbols in a row are one, then blanks are taken out.
        before = jnp.pad(symbols, ((0, 0), (1, 0)), constant_values=blank)[:, :-1]
        return Padded(*_to_the_front(symbols, (symbols != blank) & (symbols != before)))


def only_samples(loss: CTC) -> ValueError:
    return ValueError(f"{loss} has too many sequences of labels to go through: how='sampled' draws some")


def _to_the_front(symbols: jax.Array, chosen: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The chosen steps of each sequence before the others, in their order, and how many they are."""
    order = jnp.argsort(~chosen, axis=1, stable=True)
    return jnp.take_along_axis(symbols, order, 1), jnp.sum(chosen, 1, dtype=jnp.int32)
