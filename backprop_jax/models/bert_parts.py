"""What BERT is made of beside the parts of all transformers."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_components, require_float
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.core.whole_number import whole_number
from backprop_jax.initializers import Initializer, normal
from backprop_jax.layers import Padded
from backprop_jax.layers.example_gradients import Lookup
from backprop_jax.layers.recurrent.padded import require_padded

__all__ = ["BertInput", "FirstStep", "StepsAt", "TokenTypes", "require_input"]


class BertInput(NamedTuple):
    """Texts, or pairs of them in one row.

    `token_types` numbers the texts of a row 0, 1, ...; None: all are 0. `lengths` is as in `Padded`; None: all steps
    are real.
    """

    tokens: PyTree  # (B, T) integer; None in a cotangent
    token_types: PyTree = None  # (B, T) integer
    lengths: jax.Array | None = None  # (B,) integer, or (B, T) bool


def require_input(layer: Layer, x: PyTree) -> BertInput:
    """The input with all types told, or ValueError if its parts do not fit one another."""
    if not isinstance(x, BertInput):
        raise ValueError(f"{type(layer).__name__} takes BertInput(tokens, token_types, lengths), not {_described(x)}")
    tokens, types, lengths = x
    if not hasattr(tokens, "dtype") or len(tokens.shape) != 2 or not jnp.issubdtype(tokens.dtype, jnp.integer):
        raise ValueError(f"{type(layer).__name__} needs integer tokens (B, T), not {_described(tokens)}")
    if types is None:
        types = jnp.zeros(tokens.shape, jnp.int32)
    elif not hasattr(types, "dtype") or types.shape != tokens.shape or not jnp.issubdtype(types.dtype, jnp.integer):
        raise ValueError(
            f"{type(layer).__name__} needs integer token_types of the shape {list(tokens.shape)} of the tokens, not "
            f"{_described(types)}"
        )
    if lengths is not None:
        require_padded(layer, Padded(tokens, lengths))
    return BertInput(tokens, types, lengths)


@dataclass(frozen=True)
class TokenTypes(Layer):
    """A row of a table added to each step, by the number of the text that it is of.

        y = x + table[types]

    Shapes:   `BertInput(x, types, lengths)`, x (B, T, D) float, in place of the tokens -> `Padded(y, lengths)`, or y
              alone if there are no lengths.   Params: table (num_embeddings, D).   State: none.
    Saves:    the types.
    Backward: dx = dy,   dtable[n] = Σ dy over the steps of text n
    Raises:   ValueError if num_embeddings is less than 1 or x is not floating point.
    Source:   Devlin et al., 2019, arXiv:1810.04805, figure 2.
    """

    num_embeddings: int
    embedding_init: Initializer = normal(0.02)

    def __post_init__(self) -> None:
        if whole_number(self.num_embeddings, least=1) is None:
            raise ValueError(f"TokenTypes needs 1 type or more, a whole number, not {self.num_embeddings!r}")

    def init(self, key: jax.Array, x: BertInput) -> tuple[PyTree, PyTree]:
        require_float(self, x.tokens, rank=3)
        dtype = jnp.promote_types(x.tokens.dtype, jnp.float32)
        return {"table": self.embedding_init(key, (self.num_embeddings, x.tokens.shape[-1]), dtype)}, ()

    def forward(self, params: PyTree, state: PyTree, x: BertInput) -> tuple[PyTree, PyTree, PyTree]:
        rows, types, lengths = x
        require_float(self, rows, rank=3)
        y = rows + jnp.take(params["table"], types, axis=0)
        return (y if lengths is None else Padded(y, lengths)), state, (types, Static(rows.dtype))

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, BertInput]:
        (types, dtype), table = residuals, params["table"]
        dy = dy.x if isinstance(dy, Padded) else dy
        # As in forward, one below 0 counts from the end.
        rows = jnp.where(types < 0, types + len(table), types).reshape(-1)
        # As a product: of few rows a scatter has many terms each.
        chosen = jax.nn.one_hot(rows, len(table), dtype=dy.dtype)
        dtable = jnp.matmul(chosen.T, dy.reshape(-1, dy.shape[-1]), preferred_element_type=_precise(dy))
        return {"table": dtable.astype(table.dtype)}, BertInput(dy.astype(dtype.value), None, None)

    def backward_per_example(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, BertInput]:
        (types, dtype), table = residuals, params["table"]
        dy = dy.x if isinstance(dy, Padded) else dy
        dtable = Lookup.of(types, dy, len(table), table.dtype)
        return {"table": dtable}, BertInput(dy.astype(dtype.value), None, None)


@dataclass(frozen=True)
class FirstStep(Layer):
    """The first step of each sequence.

        y = x_0

    Shapes:   x (B, T, ...) float, T at least 1 -> y (B, ...).   Params, state: none.   Saves: nothing.
    Backward: dx_0 = dy, 0 at the other steps
    Raises:   ValueError if x is not floating point or has no steps.
    """

    def forward(self, params: PyTree, state: PyTree, x: jax.Array) -> tuple[jax.Array, PyTree, Static]:
        require_float(self, x, rank=2)
        if x.shape[1] == 0:
            raise ValueError(f"{self} needs sequences of 1 step or more, not of shape {list(x.shape)}")
        return x[:, 0], state, Static(x.shape[1])

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, jax.Array]:
        batch, *rest = dy.shape
        return (), jnp.zeros((batch, residuals.value, *rest), dy.dtype).at[:, 0].set(dy)


@dataclass(frozen=True)
class StepsAt(Layer):
    """The steps at given places of each sequence.

        y_p = x_{places_p}

    Shapes:   (x (B, T, D) float, places (B, P) integer) -> y (B, P, D).   Params, state: none.   Saves: the places.
    Backward: dx_t = Σ dy_p over the places that are t
    Raises:   ValueError if x is not floating point or the places are no integers for each sequence. A place outside
              [0, T) cannot be seen under jit: y is NaN there.
    """

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PyTree]:
        require_components(self, x, 2)
        steps, places = x
        require_float(self, steps, rank=3)
        if len(places.shape) != 2 or len(places) != len(steps) or not jnp.issubdtype(places.dtype, jnp.integer):
            raise ValueError(f"{self} of x {list(steps.shape)} needs integer places (B, P), not {_described(places)}")
        y = jnp.take_along_axis(steps, _counted(places, steps.shape[1])[..., None], 1, mode="fill")
        return y, state, (places, Static(steps.shape[1]))

    def backward(self, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, PyTree]:
        places, steps = residuals
        at = jnp.arange(len(dy))[:, None], _counted(places, steps.value)
        empty = jnp.zeros((len(dy), steps.value, dy.shape[2]), dy.dtype)
        return (), (empty.at[at].add(dy, mode="drop"), None)


def _counted(places: jax.Array, steps: int) -> jax.Array:
    """Those below 0 are made too large: they would count from the end."""
    return jnp.where(places < 0, steps, places)


def _precise(array: jax.Array) -> jnp.dtype:
    return jnp.promote_types(array.dtype, jnp.float32)


def _described(x: PyTree) -> str:
    return f"{x.dtype}{list(x.shape)}" if hasattr(x, "dtype") else type(x).__name__
