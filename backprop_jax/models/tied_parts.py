"""A tied table on its way through a chain, from the lookup to what it makes the logits with.

What goes through a model in parts is `(x, table, *others)`, so that the cotangent of the table as the last matrix comes
back to the lookup, where that of the rows is added.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax

from backprop_jax.combinators.first import with_first
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.layers.example_gradients import Outer
from backprop_jax.models.tied_table import add_lookup

__all__ = ["TiedLogits", "TiedLookup", "TiedLoss", "array_of", "no_cotangent_but"]


def array_of(x: PyTree) -> jax.Array:
    """The array itself, or the first component: the x of `Packed`, the hidden values beside a memory."""
    return x if hasattr(x, "shape") else array_of(x[0])


def no_cotangent_but(structure: Static, dx: jax.Array) -> PyTree:
    """The cotangent of what has the structure, of which `array_of` alone has one: the first leaf."""
    return structure.value.unflatten([dx, *[None] * (structure.value.num_leaves - 1)])


@dataclass(frozen=True)
class TiedLookup(Layer):
    """Rows of a table, and the table.

    Shapes:   (x, *others), or x if it comes `alone`; the tokens are x or its first component, which become the rows
              -> (x, table, *others).
    Params:   those of the embedding.   Saves: the tokens.
    Backward: dtable = that of the table that went along, to which those of the rows are added in their places
    """

    embedding: Layer
    alone: bool = False

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.embedding.init(key, array_of(x if self.alone else x[0]))

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        x, *others = (x,) if self.alone else x
        rows, _, _ = self.embedding.forward(params, (), array_of(x))
        return (with_first(x, rows), params["table"], *others), state, (array_of(x), Static(len(others)))

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        tokens, others = residuals
        drows, dtable, *_ = dy
        drows = array_of(drows) if jax.tree.leaves(drows) else None
        dparams = add_lookup(self.embedding, params, dtable, tokens, drows)
        return dparams, None if self.alone else (None,) * (1 + others.value)


class TiedResiduals(NamedTuple):
    own: PyTree
    table: jax.Array
    x: Static  # its structure


@dataclass(frozen=True)
class TiedLogits(Layer):
    """Logits by the table that went along.

        y = hidden tableᵀ

    Shapes:   (x, table), hidden (..., D) being x or its first component -> (..., V).
    Saves:    hidden, and the table, which is nobody's copy.
    Backward: dhidden = dy table,   dtable = dyᵀ hidden
    """

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        x, table = x
        hidden = array_of(x)
        return hidden @ table.T, state, TiedResiduals(hidden, table, Static(jax.tree.structure(x)))

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        hidden, table, structure = residuals
        dx = no_cotangent_but(structure, (dy @ table).astype(hidden.dtype))
        return (), (dx, Outer.of(dy, hidden, table.dtype).sum())


@dataclass(frozen=True)
class TiedLoss(Layer):
    """A loss by the table that went along.

    Shapes:   (x, table, *others), hidden (..., D) being x or its first component, the others as the loss takes them
              -> what it gives.
    Saves:    what the loss saves, and the table, which is nobody's copy.
    Backward: that of the loss
    """

    loss: Layer

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        x, table, *others = x
        y, _, own = self.loss.forward({"table": table}, (), (array_of(x), *others))
        return y, state, TiedResiduals(own, table, Static(jax.tree.structure(x)))

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        own, table, structure = residuals
        dparams, (dhidden, *others) = self.loss.backward({"table": table}, own, dy)
        return (), (no_cotangent_but(structure, dhidden), dparams["table"], *others)
