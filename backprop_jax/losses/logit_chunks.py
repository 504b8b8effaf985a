"""The sweep over the logits of a large vocabulary: a chunk of tokens at a time, what is wanted of it, and on."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.layer import PyTree
from backprop_jax.core.varying import vary_like

__all__ = ["Gradients", "Rule", "Terms", "accumulate", "chunk_of_tokens", "measure", "product", "tile_of_classes"]

CPU_TILE = 2 * 2**20  # bytes of the table whose gradient is added to at a time: what stays in a core's cache


class Rule(NamedTuple):
    """From the products of a token with the table to its term, and back."""

    label_smoothing: float
    z_loss: float
    logit_softcap: float | None
    accuracy: bool

    def logits(self, hidden: jax.Array, params: PyTree) -> jax.Array:
        """(R, V), in at least float32, of (R, D)."""
        table = params["table"]
        kind = jnp.promote_types(hidden.dtype, table.dtype)
        precise = jnp.promote_types(kind, jnp.float32)
        z = lax.dot_general(
            hidden.astype(kind), table.astype(kind), (((1,), (1,)), ((), ())), preferred_element_type=precise
        )
        z = z + params["b"].astype(precise) if "b" in params else z
        return z if self.logit_softcap is None else self.logit_softcap * lax.tanh(z / self.logit_softcap)

    def terms(self, logits: jax.Array, labels: jax.Array) -> tuple["Terms", jax.Array]:
        """What is known of R tokens, and the logarithm of Σ exp(logits) of each, (R,)."""
        classes = logits.shape[1]
        shift = lax.stop_gradient(lax.reduce_max(logits, (1,)))
        total = lax.reduce_sum(lax.exp(logits - shift[:, None]), (1,))
        # A label below 0 is made too large, for "fill" gives NaN there and would count a negative one from the end.
        place = jnp.where(labels < 0, classes, labels)[:, None]
        label_logit = jnp.take_along_axis(logits, place, 1, mode="fill")[:, 0]
        terms = lax.log(total) + (shift - label_logit)
        if self.label_smoothing:
            # of the smoothed label: (1 - s) x[label] + s Σ x / V, as far as it is from x[label]
            terms = terms + self.label_smoothing * (label_logit - lax.reduce_sum(logits, (1,)) / classes)
        log_total = lax.log(total) + shift
        if self.z_loss:
            terms = terms + self.z_loss * log_total**2
        correct = lax.argmax(logits, 1, jnp.int32) == labels if self.accuracy else None
        return Terms(terms, correct), log_total

    def slope(self, logits: jax.Array, log_total: jax.Array, is_label: jax.Array, classes: int) -> jax.Array:
        """The derivative of each term by its products, (R, C), given C of its logits and which is the label's."""
        # forward: term = log_total - Σ q x + z_loss log_total²   so: dx = p (1 + 2 z_loss log_total) - q
        p = lax.exp(logits - log_total[:, None])
        if self.z_loss:
            p = p * (1 + 2 * self.z_loss * log_total)[:, None]
        dx = p - jnp.where(is_label, 1 - self.label_smoothing, 0) - self.label_smoothing / classes
        # forward: x = cap tanh(z / cap)   so: dz = dx (1 - (x / cap)²)
        return dx if self.logit_softcap is None else dx * (1 - (logits / self.logit_softcap) ** 2)


class Terms(NamedTuple):
    terms: jax.Array  # (N,)
    correct: jax.Array | None  # (N,) bool: the label is the first of the largest logits


class Gradients(NamedTuple):
    """Of Σ dterm term, in at least float32."""

    hidden: jax.Array  # (N, D)
    params: PyTree


def chunk_of_tokens(tokens: int, chunk_size: int | None) -> int:
    """How many tokens to take at a time.

    An eighth of them bounds the memory. But each chunk reads the table twice and its gradient once, so at least 160:
    with fewer that costs as much as the products; and at most 2,048, where it costs nothing any more. Chunks are even.
    """
    if chunk_size is not None:
        return min(chunk_size, tokens)
    most = min(max(tokens // 8, 160), 2048)
    return _even(tokens, most)


def tile_of_classes(classes: int, tokens: int, chunk: int) -> int:
    """How many classes to take at a time of all tokens, so that their logits are as many as those of a chunk."""
    return _even(classes, max(chunk * classes // max(tokens, 1), 1))


def measure(rule: Rule, params: PyTree, hidden: jax.Array, labels: jax.Array, chunk: int) -> tuple[Terms, jax.Array]:
    """The terms alone of hidden (N, D) and labels (N,), and the logarithm of Σ exp(logits) of each, (N,)."""

    def step(found: PyTree, number: jax.Array) -> tuple[PyTree, None]:
        start = jnp.minimum(number * chunk, len(hidden) - chunk)
        part, label = (lax.dynamic_slice_in_dim(whole, start, chunk) for whole in (hidden, labels))
        return _put(found, rule.terms(rule.logits(part, params), label.astype(jnp.int32)), start), None

    nothing = _no_terms(rule, params, hidden)
    return lax.scan(step, (nothing, nothing.terms), jnp.arange(_parts(len(hidden), chunk)))[0]


def accumulate(
    rule: Rule, params: PyTree, hidden: jax.Array, labels: jax.Array, dterms: jax.Array, chunk: int
) -> tuple[Terms, Gradients]:
    """The terms and, with the cotangent (N,) of each, the gradients, of the logits of one sweep."""

    table = params["table"]
    on_cpu = partial(_accumulate, rule, chunk, _tile_of_classes(*table.shape))
    elsewhere = partial(_accumulate, rule, chunk, len(table))  # a product can add to what is there
    return lax.platform_dependent(params, hidden, labels.astype(jnp.int32), dterms, cpu=on_cpu, default=elsewhere)


def _accumulate(
    rule: Rule,
    chunk: int,
    tile: int,
    params: PyTree,
    hidden: jax.Array,
    labels: jax.Array,
    dterms: jax.Array,
) -> tuple[Terms, Gradients]:
    precise, (classes, _) = dterms.dtype, params["table"].shape

    def step(carry: tuple[Terms, Gradients], number: jax.Array) -> tuple[tuple[Terms, Gradients], None]:
        found, gradients = carry
        # The last chunk ends with the last token, so it may begin with some that the one before has had: again their
        # terms and dhidden are written, and the rest must not count them twice.
        start = jnp.minimum(number * chunk, len(hidden) - chunk)
        part, label, dterm = (lax.dynamic_slice_in_dim(whole, start, chunk) for whole in (hidden, labels, dterms))
        logits = rule.logits(part, params)
        terms, log_total = rule.terms(logits, label)
        logits, log_total = lax.stop_gradient((logits, log_total))
        counts = (start + jnp.arange(chunk) >= number * chunk).astype(precise)
        counted = part * counts[:, None].astype(part.dtype)

        def add_tile(place: jax.Array, carry: tuple) -> tuple:
            logits, dparams, dpart = carry
            first = jnp.minimum(place * tile, classes - tile)
            rows = lax.dynamic_slice_in_dim(params["table"], first, tile)
            some = lax.dynamic_slice_in_dim(logits, first, tile, 1)
            number = lax.broadcasted_iota(jnp.int32, some.shape, 1)
            is_label = number == (label - first)[:, None]
            slope = rule.slope(some, log_total, is_label, classes) * dterm[:, None]
            is_new = first + number >= place * tile
            slope = jnp.where(is_new, slope, 0)
            # forward: z = hidden tableᵀ + b   so: dtable = dzᵀ hidden, db = Σ dz, dhidden = dz table
            added = {"table": product(slope, 0, counted, precise)}
            if "b" in params:
                added["b"] = counts @ slope
            for name, more in added.items():
                more = more + lax.dynamic_slice_in_dim(dparams[name], first, tile)
                # XLA would make the sum a part of the update, which it does on one core.
                more = lax.optimization_barrier(more)
                dparams = dparams | {name: lax.dynamic_update_slice_in_dim(dparams[name], more, first, 0)}
            return logits, dparams, dpart + product(slope, 1, rows, precise)

        start_of_part = vary_like(jnp.zeros(part.shape, precise), (params, hidden, dterms))
        _, dparams, dpart = lax.fori_loop(0, _parts(classes, tile), add_tile, (logits, gradients.params, start_of_part))
        dhidden = lax.dynamic_update_slice_in_dim(gradients.hidden, dpart, start, 0)
        return (_put(found, terms, start), Gradients(dhidden, dparams)), None

    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, precise), Gradients(hidden, params))
    begin = _no_terms(rule, params, hidden), vary_like(nothing, (params, hidden, dterms))
    return lax.scan(step, begin, jnp.arange(_parts(len(hidden), chunk)))[0]


def _tile_of_classes(classes: int, width: int) -> int:
    most = max(CPU_TILE // (4 * max(width, 1)), 1)
    return min(-(-_even(classes, most) // 16) * 16, classes)


def _even(count: int, most: int) -> int:
    """The size of as few parts as there can be of `most` at most, all of one size but the last."""
    return -(-count // max(_parts(count, most), 1))


def _parts(count: int, size: int) -> int:
    return -(-count // max(size, 1))


def product(slope: jax.Array, axis: int, other: jax.Array, precise: jax.typing.DTypeLike) -> jax.Array:
    """Summed over an axis of the slope and the first of the other, whose dtype the slope takes on."""
    return lax.dot_general(
        slope.astype(other.dtype), other, (((axis,), (0,)), ((), ())), preferred_element_type=precise
    )


def _no_terms(rule: Rule, params: PyTree, hidden: jax.Array) -> Terms:
    precise = jnp.promote_types(jnp.promote_types(hidden.dtype, params["table"].dtype), jnp.float32)
    terms = jnp.zeros(len(hidden), precise)
    return vary_like(Terms(terms, terms > 0 if rule.accuracy else None), (params, hidden))


def _put(found: PyTree, part: PyTree, start: jax.Array) -> PyTree:
    return jax.tree.map(lambda whole, part: lax.dynamic_update_slice_in_dim(whole, part, start, 0), found, part)
