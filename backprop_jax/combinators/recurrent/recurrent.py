"""A cell over the steps of sequences: backpropagation through time."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.combinators.recurrent import in_chunks, loop
from backprop_jax.combinators.recurrent.steps import How
from backprop_jax.core.checks import require_components, require_layer
from backprop_jax.core.cotangents import instantiate
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Template
from backprop_jax.core.varying import vary_like
from backprop_jax.layers.recurrent.cell import Cell, HoistedCell, require_carry
from backprop_jax.layers.recurrent.padded import Padded, mask_of, require_padded

__all__ = ["Recurrent", "recurrent", "remat_steps"]

CARRIES = "zero", "input", "state"


def recurrent(
    cell: Layer, *, carry: Literal["zero", "input", "state"] = "zero", reverse: bool = False, unroll: int = 1
) -> "Recurrent":
    """The cell over all steps of a sequence, each handing its carry to the next."""
    return Recurrent(cell, carry, reverse, unroll)


def remat_steps(layer: "Recurrent", steps: int) -> "Recurrent":
    """The layer, saving the carry before every chunk of so many steps only, and running chunks again in backward.

    Of T steps chunks of about √T need the least memory.
    """
    if not isinstance(layer, Recurrent):
        raise TypeError(f"remat_steps takes what recurrent makes, not {layer!r}; remat takes any layer")
    return dataclasses.replace(layer, remat_steps=steps)


class RecurrentResiduals(NamedTuple):
    loop: PyTree
    lengths: jax.Array | None
    y: Template
    last: Template


@dataclass(frozen=True)
class Recurrent(Layer):
    """A cell over the steps of sequences.

        carry_t, y_t = cell(carry_{t-1}, x_t),   t = 1 ... T, or T ... 1 with `reverse`

    `carry` says where the first carry comes from and where the last one goes:

        "zero"    from zeros, and nowhere
        "input"   from the input to the output, both with gradients: ((x, carry) -> (y, carry))
        "state"   from the state to the state, for streams that are cut into calls. No gradient crosses a call:
                  truncated backpropagation through time. `init` gives zeros for as many sequences as its x has.

    Shapes:   x (B, T, D) -> y (B, T, H); or `Padded(x, lengths)` -> `Padded(y, lengths)`, where y is 0 at the steps
              that are not real, and the carry stays as it is there. The cell reads zeros at these steps, where a
              cell of your own must have a derivative. x may be a pytree of such arrays.
    Params:   those of the cell.   State: that of the cell, with carry="state" (that of the cell, carry).
    Saves:    what the cell saves at each step. A cell that offers its rule in parts (`HoistedCell`: those of this
              library) multiplies x by its weights once for all steps, before the loop, and has the weight gradients of
              all steps from one product after it; x and y are then saved as they are, which their neighbours also do.
              With `remat_steps`, in chunks of so many steps: x, and the carry before each chunk.
    Backward: dcarry_{t-1}, dx_t = cell'ᵀ (dcarry_t, dy_t),   dparams = Σ_t of the cell's
              In chunks: the same, after the cell has gone through the chunk again.
    Units:    `unroll` steps are one trip of the loop.
    Raises:   ValueError for sequences without two axes, lengths that do not fit, a `carry` of another kind.
    Source:   Werbos, 1990, Proceedings of the IEEE 78(10); Williams & Peng, 1990 (truncated); Gruslys et al., 2016,
              arXiv:1606.03401 (in chunks).
    """

    layer: Any  # a Layer and a Cell, for which there is no type
    carry: Literal["zero", "input", "state"] = "zero"
    reverse: bool = False
    unroll: int = 1
    remat_steps: int | None = None

    def __post_init__(self) -> None:
        require_layer("recurrent", self.layer)
        if not isinstance(self.layer, Cell):
            raise TypeError(f"recurrent needs a cell, a layer that has an initial_carry: {self.layer} has none")
        if self.carry not in CARRIES:
            raise ValueError(f"recurrent needs a carry of {', '.join(map(repr, CARRIES))}, not {self.carry!r}")
        if not _is_count(self.unroll):
            raise ValueError(f"recurrent needs to unroll 1 step or more, a whole number, not {self.unroll!r}")
        if self.remat_steps is not None and not _is_count(self.remat_steps):
            raise ValueError(f"remat_steps needs chunks of 1 step or more, a whole number, not {self.remat_steps!r}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        sequences, _ = self._parts(x)
        one = _one_step(sequences.x)
        start = self.layer.initial_carry(one)
        params, state = self.layer.init(key, (start, one))
        return params, (state, start) if self.carry == "state" else state

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, RecurrentResiduals]:
        (sequences, lengths), start = self._parts(x)
        if lengths is not None:
            require_padded(self, Padded(jax.tree.leaves(sequences)[0], lengths))
        if self.carry == "state":
            state, start = state
        one = _one_step(sequences)
        if self.carry == "zero":
            start = self.layer.initial_carry(one)
        else:
            require_carry(self, self.layer, start, one)
        start = vary_like(start, (params, sequences))
        sequences = vary_like(sequences, start)
        how = self._how(lengths, sequences)
        if self.remat_steps is None:
            last, y, state, saved = loop.forward(self.layer, params, state, start, sequences, how)
        else:
            steps = self.remat_steps
            last, y, state, saved = in_chunks.forward(self.layer, params, state, start, sequences, how, steps)
        residuals = RecurrentResiduals(saved, lengths, Template.of(y), Template.of(last))
        y = y if lengths is None else Padded(y, lengths)
        if self.carry == "input":
            return (y, last), state, residuals
        return y, (state, last) if self.carry == "state" else state, residuals

    def backward(self, params: PyTree, residuals: RecurrentResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        dlast, dy, how = self._cotangents(residuals, dy)
        if self.remat_steps is None:
            dparams, dstart, dx = loop.backward(self.layer, params, residuals.loop, dlast, dy, how)
        else:
            steps = self.remat_steps
            dparams, dstart, dx = in_chunks.backward(self.layer, params, residuals.loop, dlast, dy, how, steps)
        return dparams, self._dx(residuals, dx, dstart)

    def per_example_form(self) -> "Recurrent | None":
        if isinstance(self.layer, HoistedCell):
            # What its gradients are told from is one array of all steps more, so chunks would save little.
            return dataclasses.replace(self, remat_steps=None)
        if self.carry == "state":
            raise ValueError(
                f"{self} has a state of all examples, so its cell needs a rule for the gradients of single ones, as "
                "those of this library have: use one of them, or carry='input'"
            )
        return None

    def backward_per_example(self, params: PyTree, residuals: RecurrentResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        dlast, dy, how = self._cotangents(residuals, dy)
        dparams, dstart, dx = loop.backward_per_example(self.layer, params, residuals.loop, dlast, dy, how)
        return dparams, self._dx(residuals, dx, dstart)

    def _cotangents(self, residuals: RecurrentResiduals, dy: PyTree) -> tuple[PyTree, PyTree, How]:
        """Of the last carry and of y, and in what way the loop went."""
        dy, dlast = dy if self.carry == "input" else (dy, None)
        dy = instantiate(dy if residuals.lengths is None or dy is None else dy.x, residuals.y.tree)
        return instantiate(dlast, residuals.last.tree), dy, self._how(residuals.lengths, dy)

    def _dx(self, residuals: RecurrentResiduals, dx: PyTree, dstart: PyTree) -> PyTree:
        """The cotangent of the input, in its form."""
        if residuals.lengths is not None:
            dx = Padded(dx, None)
        return (dx, dstart) if self.carry == "input" else dx

    def _how(self, lengths: jax.Array | None, sequences: PyTree) -> How:
        mask = None if lengths is None else mask_of(lengths, jax.tree.leaves(sequences)[0].shape[1]).T
        return How(mask, self.reverse, self.unroll)

    def _parts(self, x: PyTree) -> tuple[Padded, Any]:
        """The sequences, with lengths or None in their place, and the first carry or None."""
        start = None
        if self.carry == "input":
            require_components(self, x, 2)
            x, start = x
        if isinstance(x, Padded) and x.lengths is None:
            raise ValueError(f"{self} was given Padded without lengths: give the array alone if all steps are real")
        sequences = x if isinstance(x, Padded) else Padded(x, None)
        shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(sequences.x)]
        if not shapes or min(map(len, shapes)) < 2 or len({shape[:2] for shape in shapes}) > 1:
            raise ValueError(f"{self} needs sequences (B, T, ...), of one B and T, not {list(map(list, shapes))}")
        return sequences, start


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _one_step(sequences: PyTree) -> PyTree:
    """The shapes and dtypes of the x of one step."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((leaf.shape[0], *leaf.shape[2:]), leaf.dtype), sequences)
