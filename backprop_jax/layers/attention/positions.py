"""Positions added to the inputs, learned or as waves: attention alone does not know the order of the steps."""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.checks import require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.initializers import Initializer, normal
from backprop_jax.layers.attention.packed import Packed
from backprop_jax.layers.attention.sequences import require_segments, sequences_of, with_sequences
from backprop_jax.layers.example_gradients import Lookup

__all__ = ["PositionEmbedding", "SinusoidalPositions"]


@dataclass(frozen=True)
class PositionEmbedding(Layer):
    """A row of a table added to each step, by its place.

        y_t = x_t + table[t],   t = 0, 1, ...; in `Packed` sequences from where each segment begins

    Shapes:   x (B, T, D) float, or that `Padded` or `Packed` -> the same with y.   Params: table (num_embeddings, D).
    State:    none; with carry="state" the number of steps so far, for writing step by step.
    Saves:    the places.
    Backward: dx = dy,   dtable[t] = Σ dy over the steps at place t
    Raises:   ValueError if num_embeddings is less than 1 or than T, carry is of another kind, x is not floating point
              or the width of x is not the table's, or Packed meets carry="state". A place behind the table's end, to
              which a carry may come, cannot be seen under jit: its row is NaN.
    Source:   Gehring et al., 2017, arXiv:1705.03122, section 3.1.
    """

    num_embeddings: int
    carry: Literal["zero", "state"] = "zero"
    embedding_init: Initializer = normal(0.02)

    def __post_init__(self) -> None:
        if whole_number(self.num_embeddings, least=1) is None:
            raise ValueError(f"PositionEmbedding needs 1 place or more, a whole number, not {self.num_embeddings!r}")
        _require_carry(self, self.carry)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        sequences = _require_sequences(self, x)
        dtype = jnp.promote_types(sequences.dtype, jnp.float32)
        table = self.embedding_init(key, (self.num_embeddings, sequences.shape[2]), dtype)
        return {"table": table}, _first_count(self.carry)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        sequences, table = _require_sequences(self, x), params["table"]
        if sequences.shape[1] > self.num_embeddings or sequences.shape[2] != table.shape[1]:
            raise ValueError(
                f"{self} has places for {self.num_embeddings} steps of width {table.shape[1]}, "
                f"but was given {list(sequences.shape)}"
            )
        at, state = _places(self, x, state)
        y = (sequences + jnp.take(table, at, axis=0, mode="fill")).astype(jnp.result_type(sequences, table))
        return with_sequences(x, y), state, (at, jnp.zeros((0,), sequences.dtype))

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        (at, like), table, flat = residuals, params["table"], sequences_of(dy)
        each = flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
        if at.ndim == 1:
            each = jnp.sum(each, 0)
        dtable = jnp.zeros(table.shape, each.dtype).at[at].add(each, mode="drop")
        return {"table": dtable.astype(table.dtype)}, with_sequences(dy, flat.astype(like.dtype))

    def backward_per_example(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        (at, like), table, flat = residuals, params["table"], sequences_of(dy)
        dtable = Lookup.of(jnp.broadcast_to(at, flat.shape[:2]), flat, len(table), table.dtype)
        return {"table": dtable}, with_sequences(dy, flat.astype(like.dtype))


@dataclass(frozen=True)
class SinusoidalPositions(Layer):
    """Waves of many lengths added to each step, by its place.

        y_t = x_t + [sin(t r_0), cos(t r_0), sin(t r_1), ...],   r_i = 10000^(-2 i / D)

    Shapes:   x (B, T, D) float, or that `Padded` or `Packed` -> the same with y.   Params: none.
    State:    none; with carry="state" the number of steps so far, for writing step by step.
    Saves:    nothing.   Backward: dx = dy
    Raises:   ValueError if x is not floating point or has not three axes, carry is of another kind, or "state" and x
              Packed.
    Source:   Vaswani et al., 2017, arXiv:1706.03762, section 3.5.
    """

    carry: Literal["zero", "state"] = "zero"

    def __post_init__(self) -> None:
        _require_carry(self, self.carry)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        _require_sequences(self, x)
        return (), _first_count(self.carry)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        sequences = _require_sequences(self, x)
        at, state = _places(self, x, state)
        width, precise = sequences.shape[2], jnp.promote_types(sequences.dtype, jnp.float32)
        rates = 10000.0 ** (-jnp.arange(0, width, 2, dtype=precise) / width)
        angles = at.astype(precise)[..., None] * rates
        waves = jnp.stack([jnp.sin(angles), jnp.cos(angles)], -1).reshape(*at.shape, -1)[..., :width]
        return with_sequences(x, (sequences + waves).astype(sequences.dtype)), state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return (), dy


def _places(layer: PositionEmbedding | SinusoidalPositions, x: PyTree, state: PyTree) -> tuple[jax.Array, PyTree]:
    """The place of each step, (T,) or (B, T), and the new state."""
    steps = jnp.arange(sequences_of(x).shape[1], dtype=jnp.int32)
    if layer.carry == "state":
        if isinstance(x, Packed):
            raise ValueError(f"{layer} goes on where the call before ended, so it takes an array, not Packed")
        return state + steps, state + len(steps)
    if not isinstance(x, Packed):
        return steps, state
    segments = require_segments(layer, x)
    begins = jnp.diff(segments, axis=1, prepend=segments[:, :1] - 1) != 0
    return steps - lax.cummax(jnp.where(begins, steps, 0), axis=1), state


def _first_count(carry: str) -> PyTree:
    return jnp.zeros((), jnp.int32) if carry == "state" else ()


def _require_carry(layer: Layer, carry: str) -> None:
    if carry not in ("zero", "state"):
        raise ValueError(f"{type(layer).__name__} needs a carry of 'zero' or 'state', not {carry!r}")


def _require_sequences(layer: Layer, x: PyTree) -> jax.Array:
    sequences = sequences_of(x)
    require_float(layer, sequences, rank=3)
    if len(sequences.shape) != 3:
        raise ValueError(f"{layer} needs sequences (B, T, D), not {list(sequences.shape)}")
    return sequences
