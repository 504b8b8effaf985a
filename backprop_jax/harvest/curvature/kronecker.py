"""The curvature of each layer as a Kronecker product of two small matrices."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.core.example_gradients import AsMatrix, ExampleGradients, is_gradients, once, over, static
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.paths import by_path
from backprop_jax.harvest.curvature.columns import Harvest, harvest_columns, of_the_data
from backprop_jax.layers.example_gradients import Rows
from backprop_jax.layers.example_gradients.axes import precise

__all__ = ["Curvature", "Diagonal", "Kronecker", "kronecker_factors", "kronecker_layout"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Kronecker:
    """The block A ⊗ G of a weight w as a matrix (D, F), whose rows A belongs to and whose columns G.

    With a bias, A has one row and column more, the last, for it. Those of a `scan`, and of groups, are stacked before
    both.
    """

    a: Any  # (D, D) or (D + 1, D + 1)
    g: Any  # (F, F)
    names: tuple[str, ...] = static()  # the paths of the weight and, if there is one, of the bias
    as_matrix: AsMatrix = static(default=AsMatrix())


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Diagonal:
    """The diagonal of the block of a parameter that has no Kronecker form."""

    d: Any  # in the shape of the parameter
    names: tuple[str, ...] = static()


BLOCK, MOST_BLOCKS = 256, 4  # narrower or more of them are slower on a CPU

Curvature = tuple[Kronecker | Diagonal, ...]


def kronecker_factors(objective: Layer, how: str = "sampled", samples: int = 1, others: str = "diagonal") -> Harvest:
    """The function `(params, state, batch, key=None) -> ((value, new_state), curvature)`, a block for each weight.

        A = Σ_it x_itᵀ x_it / (B T),   G = Σ_it dy_itᵀ dy_it

    where x (B, T, D) enters the weight, dy (B, T, F) are the cotangents that a column of the loss Hessian's root gives
    behind it (see `curvature_diagonal` for `how`), and G is summed over the columns. T counts the steps of a sequence,
    the places of a convolution; for T = 1 and a single example A ⊗ G is the Gauss-Newton block itself. A bias beside
    the weight counts as an input of 1. Each group of a convolution has its own pair. Of a transposed convolution x are
    the places of its input and dy the patches of the output that each of them makes; its bias has a `Diagonal`.
    So have weights that are not of this form: norms, embeddings, tables of many classes, also where one table is both,
    a matrix with several uses, such as the u of a GRU without `reset_after`. With `others="refuse"` they are refused.

    Raises:   as `curvature_diagonal`, and ValueError that names the weights without the form if others is "refuse".
    Source:   Martens & Grosse, 2015, arXiv:1503.05671; Grosse & Martens, 2016, arXiv:1602.01407; for T > 1, "expand"
              in Eschenhagen et al., 2023, arXiv:2311.00636.
    """
    return harvest_columns(objective, how, samples, _finish(others), "kronecker_factors")


def kronecker_layout(objective: Layer, batch: PyTree, others: str = "diagonal") -> Curvature:
    """The blocks of `kronecker_factors` with shapes in place of arrays: what `scale_by_kfac` must know beforehand."""
    harvest = of_the_data(objective, _finish(others))  # which has the same shapes, and takes any objective

    def blocks(key: jax.Array, batch: PyTree) -> Curvature:
        return harvest(*objective.init(key, batch), batch)[1]

    return jax.eval_shape(blocks, jax.random.key(0), batch)


def _finish(others: str) -> Callable[[PyTree, str | None], Curvature]:
    """From the `ExampleGradients` of a column to the blocks."""
    if others not in ("diagonal", "refuse"):
        raise ValueError(f"kronecker_factors needs others of 'diagonal' or 'refuse', not {others!r}")

    def finish(gradients: PyTree, columns: str | None) -> Curvature:
        blocks = _blocks(gradients, columns)
        without = [name for block in blocks if isinstance(block, Diagonal) for name in block.names]
        if without and others == "refuse":
            raise ValueError(
                f"no Kronecker factors for {', '.join(without)}: others='diagonal' takes the diagonal of their blocks"
            )
        return blocks

    return finish


def _blocks(gradients: PyTree, columns: str | None) -> Curvature:
    named = by_path(gradients, is_gradients)
    blocks: list[Kronecker | Diagonal] = []
    for name, own in named.items():
        layer, slash, leaf = name.rpartition("/")
        bias = f"{layer}{slash}b"
        with_bias = leaf == "w" and own.as_matrix.takes_bias and isinstance(named.get(bias), Rows)
        factors = own.on_each_layer(lambda part, with_bias=with_bias: _factors(part, with_bias, columns))
        if factors is not None:
            a, g = factors
            blocks.append(Kronecker(a, g, (name, bias) if with_bias else (name,), own.as_matrix))
    taken = {name for block in blocks for name in block.names}
    rest = {name: own for name, own in named.items() if name not in taken}
    diagonals = {name: own.on_each_layer(lambda part: part.square_sum(columns)) for name, own in rest.items()}
    return *blocks, *(Diagonal(d, (name,)) for name, d in diagonals.items())


def _factors(own: ExampleGradients, with_bias: bool, columns: str | None) -> tuple[jax.Array, jax.Array] | None:
    pairs = own.pairs()
    if pairs is None:
        return None
    x, dy = (_rows(precise(array)) for array in pairs)
    x = once(columns, x)
    if with_bias:
        x = jnp.pad(x, ((0, 0),) * (x.ndim - 1) + ((0, 1),), constant_values=1)
    x = x / math.sqrt(max(x.shape[-2], 1))  # not A, which may have more numbers
    return _moments(x), over(columns, _moments(dy))


def _moments(rows: jax.Array) -> jax.Array:
    """rowsᵀ rows, a block at a time where they are wide: those below the diagonal are others' transposes."""
    width = rows.shape[-1]
    count = min(width // BLOCK, MOST_BLOCKS)
    if count < 2:
        return _product(rows.mT, rows)
    size = -(-width // (16 * count)) * 16  # of whole cache lines
    starts = range(0, width, size)
    above = [_product(rows[..., start : start + size].mT, rows[..., start:]) for start in starts]
    lines = []
    for number, start in enumerate(starts):
        left = [
            strip[..., start - other : start - other + size].mT
            for strip, other in zip(above[:number], starts, strict=False)
        ]
        lines.append(jnp.concatenate([*left, above[number]], -1))
    return jnp.concatenate(lines, -2)


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)  # what is to be inverted bears no rounding to ten bits


def _rows(array: jax.Array) -> jax.Array:
    """(B, T, D) -> (B T, D),   (B, T, G, D) -> (G, B T, D)."""
    examples, steps, *groups, width = array.shape
    return jnp.moveaxis(array.reshape(examples * steps, *groups, width), 0, -2)
