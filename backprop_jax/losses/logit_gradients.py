"""The gradients of single examples of the table behind many logits, which are formed a tile of classes at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.example_gradients import ExampleGradients, squares_one_by_one, static
from backprop_jax.core.layer import PyTree
from backprop_jax.core.varying import vary_like
from backprop_jax.layers.example_gradients.axes import precise
from backprop_jax.losses.logit_chunks import Rule, product

__all__ = ["LogitGradients", "Tokens", "backward_by_tiles"]


class Tokens(NamedTuple):
    hidden: jax.Array  # (B, T, D)
    labels: jax.Array  # (B, T)
    log_total: jax.Array  # (B, T): log Σ exp of the logits, with which a tile of them is enough
    dterms: jax.Array  # (B, T): the cotangent of each token's term


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class LogitGradients(ExampleGradients):
    """The gradients of the table in x = hidden tableᵀ + b, of terms of the logits x that are formed again when needed.

        g_i = Σ_t dx_itᵀ h_it,   |g_i|² = Σ_st <dx_is, dx_it> <h_is, h_it>

    The norms are made by `backward_by_tiles`, which has dx at hand.
    """

    tokens: Tokens
    params: PyTree  # table (V, D), and b (V,) where there is one
    norms: jax.Array  # (B,)
    rule: Rule = static()
    tile: int = static()
    dtype: Any = static()

    @property
    def stacked(self) -> int:
        return self.norms.ndim - 1

    def sum(self, weights: jax.Array | None = None) -> jax.Array:
        tokens = self.tokens
        if weights is not None:
            tokens = tokens._replace(dterms=weights[:, None] * tokens.dterms)
        return self._sum(tokens).astype(self.dtype)

    def each(self) -> jax.Array:
        return lax.map(lambda own: self._sum(jax.tree.map(lambda leaf: leaf[None], own)), self.tokens)

    def astype(self, dtype: jax.typing.DTypeLike) -> "LogitGradients":
        return replace(self, dtype=jnp.dtype(dtype))

    def square_norms(self) -> jax.Array:
        return self.norms

    def inner(self, other: ExampleGradients) -> jax.Array:
        return super().inner(other) if isinstance(other, LogitGradients) else other.inner(self)

    def along(self, direction: jax.Array) -> jax.Array:
        rows = precise(self.tokens.hidden.reshape(-1, direction.shape[1]))

        def add(found: jax.Array, first: jax.Array, table: jax.Array, slope: jax.Array) -> jax.Array:
            towards = rows @ lax.dynamic_slice_in_dim(direction, first, self.tile).T
            return found + jnp.sum(_new(slope, first) * towards.reshape(slope.shape), (1, 2))

        zeros = vary_like(jnp.zeros_like(self.norms), direction)
        return _by_tile(self.rule, self.params, self.tokens, self.tile, zeros, add)

    def at(self, rows: jax.Array) -> jax.Array:
        def of_example(own: Tokens, rows: jax.Array) -> jax.Array:
            params = jax.tree.map(lambda leaf: jnp.take(leaf, rows, 0), self.params)
            logits = self.rule.logits(own.hidden, params)
            is_label = own.labels[:, None] == rows
            slope = self.rule.slope(logits, own.log_total, is_label, len(self.params["table"]))
            return (slope * own.dterms[:, None]).T @ precise(own.hidden)

        return lax.map(lambda own: of_example(*own), (self.tokens, rows))

    def one(self, number: jax.Array) -> "LogitGradients":
        tokens, norms = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, number, 1), (self.tokens, self.norms))
        return replace(self, tokens=tokens, norms=norms)

    def square_sum(self, columns: str | None = None) -> jax.Array:
        return squares_one_by_one(self, columns)

    def _sum(self, tokens: Tokens) -> jax.Array:
        rows = tokens.hidden.reshape(-1, tokens.hidden.shape[-1])

        def put(dtable: jax.Array, first: jax.Array, table: jax.Array, slope: jax.Array) -> jax.Array:
            added = product(slope.reshape(len(rows), -1), 0, rows, dtable.dtype)
            return lax.dynamic_update_slice_in_dim(dtable, added, first, 0)

        dtable = jnp.zeros(self.params["table"].shape, self.tokens.dterms.dtype)
        return _by_tile(self.rule, self.params, tokens, self.tile, dtable, put)


class Backward(NamedTuple):
    hidden: jax.Array  # (B, T, D): its cotangent
    norms: jax.Array  # (B,), squared, of the gradients of the table
    b: jax.Array  # (B, V)


def backward_by_tiles(rule: Rule, params: PyTree, tokens: Tokens, tile: int) -> Backward:
    """What needs the derivatives by all logits, of one sweep over them; what is not looked at of it XLA drops."""
    hidden, dterms = tokens.hidden, tokens.dterms
    (batch, steps, width), (classes, _), kind = hidden.shape, params["table"].shape, dterms.dtype
    by_pairs = steps * (classes + width) < classes * width

    def add(found: Backward, first: jax.Array, table: jax.Array, slope: jax.Array) -> Backward:
        b = lax.dynamic_update_slice_in_dim(found.b, jnp.sum(slope, 1), first, 1)
        slope = _new(slope, first)
        # forward: x = hidden tableᵀ + b   so: dhidden = dx table
        dhidden = found.hidden + product(slope.reshape(-1, tile), 1, table, kind).reshape(hidden.shape)
        if by_pairs:
            norms = found.norms + slope @ slope.mT
        else:
            norms = found.norms + lax.map(lambda own: jnp.sum(jnp.square(own[0].T @ own[1])), (slope, hidden))
        return Backward(dhidden, norms, b)

    nothing = Backward(
        jnp.zeros(hidden.shape, kind),
        jnp.zeros((batch, steps, steps) if by_pairs else (batch,), kind),
        jnp.zeros((batch, classes), kind),
    )
    found = _by_tile(rule, params, tokens, tile, nothing, add)
    if by_pairs:
        rows = precise(hidden)
        found = found._replace(norms=jnp.sum(found.norms * (rows @ rows.mT), (1, 2)))
    return found


def _new(slope: jax.Array, first: jax.Array) -> jax.Array:
    """Zero for classes of an earlier tile: the last one ends with the last class, so it may begin with some of it."""
    tile = slope.shape[-1]
    return jnp.where(first + jnp.arange(tile) >= -(-first // tile) * tile, slope, 0)


def _by_tile(rule: Rule, params: PyTree, tokens: Tokens, tile: int, carry: PyTree, step: Callable) -> PyTree:
    """`step(carry, first, table, slope)` with the rows (tile, D) of the table from `first` on, and dx (B, T, tile)."""
    classes, width = params["table"].shape
    shape = *tokens.labels.shape, tile
    rows = tokens.hidden.reshape(-1, width)
    labels, log_total, dterms = (leaf.reshape(-1) for leaf in tokens[1:])

    def add_tile(number: jax.Array, carry: PyTree) -> PyTree:
        first = jnp.minimum(number * tile, classes - tile)
        part = jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, first, tile), params)
        logits = rule.logits(rows, part)
        is_label = labels[:, None] - first == lax.broadcasted_iota(jnp.int32, logits.shape, 1)
        slope = rule.slope(logits, log_total, is_label, classes) * dterms[:, None]
        return step(carry, first, part["table"], slope.reshape(shape))

    return lax.fori_loop(0, -(-classes // tile), add_tile, vary_like(carry, (carry, params, tokens)))
