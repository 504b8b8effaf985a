"""The loss of reading a sequence of labels off a longer sequence, when nobody knows which step is which label."""

from dataclasses import dataclass, field
from numbers import Integral
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.layers.recurrent.padded import Padded, mask_of, require_padded
from backprop_jax.losses.checks import require_pair, require_reduction, require_terms
from backprop_jax.losses.reduction import reduce, unreduce

__all__ = ["CTC"]

NEVER = -1e30  # the logarithm of a chance of 0: finite, for the difference of two infinities is not a number


class CTCResiduals(NamedTuple):
    logits: jax.Array  # (B, T, V)
    labels: jax.Array  # (B, S)
    lengths: tuple[jax.Array | None, jax.Array | None]  # of both, as they came
    shift: jax.Array  # (B, T, 1): the largest logit
    total: jax.Array  # (B, T, 1): Σ exp(logits - shift), in at least float32
    alphas: jax.Array  # (T, B, 2 S + 1), before each step: log α less its largest state
    last: jax.Array  # (B, 2 S + 1): the same after all steps, of the states that a path may end in
    impossible: jax.Array  # (B,) bool


class Lattice(NamedTuple):
    """The states that a path goes through: a blank, the first label, a blank, the second label, ..., a blank."""

    symbols: jax.Array  # (B, 2 S + 1) like all of them: what each state emits
    inside: jax.Array  # not of the padding, which may be any number
    first: jax.Array  # the first blank, where a path is before the first step
    final: jax.Array  # the last label and the blank behind it, one of which a path ends in
    skips: jax.Array  # may be reached from the state two before, past a blank


@dataclass(frozen=True)
class CTC(Layer):
    """Connectionist temporal classification: a sequence of labels, whatever the steps they are emitted at.

        y = mean(-log Σ_π Π_t p_t[π_t]),   p = softmax(x)

    π runs over the paths, one symbol a step, that become the labels when repeated symbols are merged and then blanks
    taken out. So equal labels in a row need a blank between them, and an example whose labels and such blanks are more
    than its steps has no path: its loss is infinite, or 0 with zero_infinity, and its gradient 0 (in PyTorch NaN, or 0
    with zero_infinity).

    "mean" divides by the number of examples, as in our other losses. PyTorch's first divides each example's term by its
    number of labels: that is `mean(terms / max(lengths, 1))` of the terms that "none" gives.

    Shapes:   prediction (B, T, V) float, the logits x; target (B, S) integer in [0, V), not blank -> y () in at least
              float32; (B,) if reduction is "none". Either may be `Padded`: steps that are not real are passed over,
              labels stand in front of their padding.
    Params, state: none.
    Saves:    logits, labels and lengths as they came, two numbers a step, and log α (T + 1, B, 2 S + 1), all in at
              least float32: to compute it again would take as many bytes while backward runs.
    Backward: over the states s: the labels, with a blank before, between and behind them. α_t(s) is the chance of the
              steps up to t on the paths that are then in s, less a factor that makes the largest 1: its logarithm, and
              so its rounding, stays small over thousands of steps. γ_t(s) is the share of the paths that are in s at t.
              With r -> s where s may follow r:
                α_t(s) = p_t[s] Σ_r→s α_t-1(r),   γ_t-1(r) = Σ_r→s γ_t(s) α_t-1(r) / Σ_q→s α_t-1(q)
                dx_t[v] = (p_t[v] - Σ_s [s emits v] γ_t(s)) dy of the example
              γ is the paper's α β / Σ α β, without a second recursion in logarithms. The target is a constant.
    Units:    nats.
    Raises:   ValueError if logits or labels have other axes, other dtypes or two batches, lengths do not fit, labels
              stand behind their padding, blank is not in [0, V), reduction is not "mean", "sum" or "none", or it is
              "mean" and there are no examples. TypeError if blank is not an integer. What cannot be seen under jit:
              with a label that is blank or outside [0, V) the loss is NaN; of the mask of labels their number counts.
    Source:   Graves, Fernández, Gomez & Schmidhuber, 2006, doi:10.1145/1143844.1143891, section 4.
    """

    blank: int = 0
    zero_infinity: bool = False
    reduction: str = field(default="mean", kw_only=True)

    def __post_init__(self) -> None:
        require_reduction(self, self.reduction)
        if isinstance(self.blank, bool) or not isinstance(self.blank, Integral):
            raise TypeError(f"CTC needs the number of a class as blank, not {self.blank!r}")

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, CTCResiduals]:
        logits, labels, lengths = self._require(x)
        shift = lax.stop_gradient(lax.reduce_max(logits, (2,)))[..., None].astype(_precise(logits))
        total = lax.reduce_sum(lax.exp(logits.astype(shift.dtype) - shift), (2,))[..., None]
        real, lattice = self._lattice(logits, labels, lengths)

        def step(alpha: jax.Array, at: tuple) -> tuple[jax.Array, tuple]:
            emission, real = at
            moved, peak = _scaled(emission + _log_sum(_sources(alpha, lattice)))
            return jnp.where(real, moved, alpha), (alpha, jnp.where(real, peak, 0))

        start = jnp.where(lattice.first, 0, NEVER).astype(shift.dtype)
        last, (alphas, peaks) = lax.scan(step, start, (_emissions(logits, shift, total, lattice), real))
        last, peak = _scaled(jnp.where(lattice.final, last, NEVER))
        chance = lax.reduce_sum(peaks, (0, 2)) + peak[:, 0] + lax.log(lax.reduce_sum(lax.exp(last), (1,)))
        impossible = chance < NEVER / 2
        terms = jnp.where(impossible, 0 if self.zero_infinity else jnp.inf, -chance)
        residuals = CTCResiduals(logits, labels, lengths, shift, total, alphas, last, impossible)
        return reduce(terms, self.reduction, terms.size), state, residuals

    def backward(self, params: PyTree, residuals: CTCResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        logits, labels, lengths, shift, total, alphas, last, impossible = residuals
        real, lattice = self._lattice(logits, labels, lengths)

        def step(gamma: jax.Array, at: tuple) -> tuple[jax.Array, jax.Array]:
            alpha, real = at
            # forward: alpha' = emission + log_sum(sources of alpha)   so: gamma = Σ gamma' source / Σ sources
            sources = _sources(alpha, lattice)
            peak = _largest(sources)
            stays, enters, skips = (lax.exp(source - peak) for source in sources)
            share = gamma / (stays + enters + skips)
            before = share * stays + _moved(share * enters, -1, 0) + _moved(share * skips, -2, 0)
            return jnp.where(real, before, gamma), gamma

        ends = lax.exp(last)
        ends = ends / lax.reduce_sum(ends, (1,))[:, None]
        _, gammas = lax.scan(step, ends, (alphas, real), reverse=True)
        # forward: the gradient of each -log p_t[v] is Σ gamma over the states that emit v, 1 over all v
        p = lax.exp(logits.astype(shift.dtype) - shift) / total
        less = lambda p, symbols, gamma: p.at[:, symbols].add(-gamma, mode="drop")
        slope = jax.vmap(less, in_axes=(0, 0, 1))(p, lattice.symbols, gammas)
        dterms = jnp.where(impossible, 0, unreduce(dy, self.reduction, len(logits)))[:, None, None]
        dlogits = jnp.where(jnp.moveaxis(real, 0, 1), dterms * slope, 0).astype(logits.dtype)
        return (), (dlogits if lengths[0] is None else Padded(dlogits, None), None)

    def _lattice(
        self, logits: jax.Array, labels: jax.Array, lengths: tuple[jax.Array | None, jax.Array | None]
    ) -> tuple[jax.Array, Lattice]:
        """Which steps are real, (T, B, 1), and the states."""
        (batch, steps, classes), count = logits.shape, labels.shape[1]
        real, labelled = (
            jnp.full((batch, size), True) if given is None else mask_of(given, size)
            for given, size in zip(lengths, (steps, count), strict=True)
        )
        labels = labels.astype(jnp.int32)
        # To what is no class: the emissions of these are NaN.
        labels = jnp.where((labels < 0) | (labels == self.blank), classes, labels)
        pairs = jnp.stack([jnp.full_like(labels, self.blank), labels], 2).reshape(batch, 2 * count)
        symbols = jnp.pad(pairs, ((0, 0), (0, 1)), constant_values=self.blank)
        number = lax.broadcasted_iota(jnp.int32, symbols.shape, 1)
        beyond = number - 2 * jnp.sum(labelled, 1, dtype=jnp.int32)[:, None]
        first = (number == 0) & (symbols == self.blank)  # a blank as it is, but in shard_map it varies as the labels do
        final = (beyond == 0) | (beyond == -1)
        before = lax.pad(symbols, jnp.int32(self.blank), ((0, 0, 0), (2, -2, 0)))
        skips = (symbols != self.blank) & (symbols != before)
        return real.T[..., None], Lattice(symbols, beyond <= 0, first, final, skips)

    def _require(self, x: PyTree) -> tuple[jax.Array, jax.Array, tuple[jax.Array | None, jax.Array | None]]:
        parts = tuple(x) if isinstance(x, tuple | list) else ()
        bare = tuple(part.x if isinstance(part, Padded) else part for part in parts)
        logits, labels = require_pair(self, bare if parts else x)
        if logits.ndim != 3 or labels.ndim != 2 or logits.shape[0] != labels.shape[0]:
            raise ValueError(
                f"{self} needs logits (B, T, V) and labels (B, S) of one batch, "
                f"not {list(logits.shape)} and {list(labels.shape)}"
            )
        if not jnp.issubdtype(labels.dtype, jnp.integer):
            raise ValueError(f"{self} needs labels of an integer dtype, not {labels.dtype}: labels.astype('int32')")
        if not 0 <= self.blank < logits.shape[2]:
            raise ValueError(f"{self} has its blank outside the {logits.shape[2]} classes of {list(logits.shape)}")
        for part in parts:
            if isinstance(part, Padded):
                require_padded(self, part)
        given = [part.lengths if isinstance(part, Padded) else None for part in parts]
        self._require_in_front(given[1])
        require_terms(self, self.reduction, logits, logits.shape[0])
        return logits, labels, (given[0], given[1])

    def _require_in_front(self, lengths: jax.Array | None) -> None:
        """Of a mask of labels that is known: it has no padding before a label."""
        if lengths is None or lengths.ndim != 2 or isinstance(lengths, Tracer):
            return
        mask = np.asarray(lengths)
        behind = np.any(mask[:, 1:] & ~mask[:, :-1], axis=1)
        if behind.any():
            raise ValueError(
                f"{self} needs labels in front of their padding, but the mask of example {behind.argmax()} has padding "
                "before a label: move its labels to the front"
            )


def _emissions(logits: jax.Array, shift: jax.Array, total: jax.Array, lattice: Lattice) -> jax.Array:
    """(T, B, 2 S + 1): log p_t of what each state emits."""
    emitted = jnp.take_along_axis(logits, lattice.symbols[:, None], 2, mode="fill").astype(shift.dtype)
    emitted = jnp.where(lattice.inside[:, None], emitted - shift - lax.log(total), NEVER)
    return jnp.moveaxis(jnp.maximum(emitted, NEVER), 1, 0)


def _sources(alpha: jax.Array, lattice: Lattice) -> tuple[jax.Array, jax.Array, jax.Array]:
    """For each state, the logarithms of where a path may have been a step ago: there, one before, two before."""
    return alpha, _moved(alpha, 1, NEVER), jnp.where(lattice.skips, _moved(alpha, 2, NEVER), NEVER)


def _moved(values: jax.Array, states: int, fill: float) -> jax.Array:
    return lax.pad(values, jnp.asarray(fill, values.dtype), ((0, 0, 0), (states, -states, 0)))


def _largest(sources: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
    return lax.stop_gradient(jnp.maximum(jnp.maximum(sources[0], sources[1]), sources[2]))


def _log_sum(sources: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
    peak = _largest(sources)
    stays, enters, skips = (lax.exp(source - peak) for source in sources)
    return peak + lax.log(stays + enters + skips)


def _scaled(chances: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The logarithms less the largest of each example, and the largest."""
    peak = lax.stop_gradient(lax.reduce_max(chances, (1,)))[:, None]
    return chances - peak, peak


def _precise(logits: jax.Array) -> jnp.dtype:
    return jnp.promote_types(logits.dtype, jnp.float32)
