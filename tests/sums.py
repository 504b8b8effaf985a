"""In which precision a layer adds up, told from the jaxprs of its forward and backward.

python -m tests.sums    writes the table in docs/which_sums_run_in_float32.md
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from tests.catalogue import COMBINATORS, LAYERS, LOSSES, Row

PAGE = Path(__file__).parent.parent / "docs" / "which_sums_run_in_float32.md"
ROWS = [
    row
    for row in [*LAYERS, *COMBINATORS, *LOSSES]
    if row.name != "stop_gradient" and all(np.size(leaf) for leaf in jax.tree.leaves(row.x))
]

REDUCTIONS = {
    "reduce_sum": "sum",
    "cumsum": "running sum",
    "reduce_window_sum": "sum over windows",
    "select_and_scatter_add": "scattered sum",
    "scatter-add": "scattered sum",
    "psum": "sum over devices",
}
PRODUCTS = {"dot_general": "product", "conv_general_dilated": "convolution"}
MOVES = ("slice", "pad", "reshape", "transpose", "rev", "squeeze", "broadcast_in_dim", "concatenate", "dynamic_slice")


class Sum(NamedTuple):
    """One sum of a program: what adds up, and in which dtype."""

    kind: str
    dtype: jnp.dtype


def sums_of(jaxpr: Jaxpr) -> Iterator[Sum]:
    """Every sum of floating point numbers in it, those over the steps of its loops among them.

    Three additions on end are a sum, as that of a window's places; a single one, as that of two branches, is none.
    """
    terms: dict[Any, int] = {}  # of what is added up so far
    for equation in jaxpr.eqns:
        before = [terms.get(operand, 0) for operand in equation.invars if not isinstance(operand, Literal)]
        adds = equation.primitive.name in ("add", "sub", "add_any")
        if adds or equation.primitive.name in MOVES:
            terms[equation.outvars[0]] = adds + max(before, default=0)
            if terms[equation.outvars[0]] == 3 and jnp.issubdtype(equation.outvars[0].aval.dtype, jnp.floating):
                yield Sum("sum of places", equation.outvars[0].aval.dtype)
        name, dtype = equation.primitive.name, getattr(equation.outvars[0].aval, "dtype", None)
        if dtype is not None and jnp.issubdtype(dtype, jnp.floating):
            if name in REDUCTIONS:
                yield Sum(REDUCTIONS[name], dtype)
            elif name in PRODUCTS and jnp.issubdtype(equation.invars[0].aval.dtype, jnp.floating):
                yield Sum(PRODUCTS[name], dtype)
        for inner in _jaxprs_in(equation.params):
            yield from sums_of(inner)
        if name in ("scan", "while"):
            yield from _carried(equation)


def _open(jaxpr: Jaxpr | ClosedJaxpr) -> Jaxpr:
    return jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr


def _jaxprs_in(params: Any) -> Iterator[Jaxpr]:
    for leaf in jax.tree.leaves(params, is_leaf=lambda node: isinstance(node, Jaxpr | ClosedJaxpr)):
        if isinstance(leaf, Jaxpr | ClosedJaxpr):
            yield _open(leaf)


def _carried(loop: JaxprEqn) -> Iterator[Sum]:
    """Sums that a loop carries from step to step: what goes in comes out with something added."""
    body = _open(loop.params["jaxpr" if loop.primitive.name == "scan" else "body_jaxpr"])
    # What is carried comes out in the shape in which it goes round; what is stacked has an axis more.
    count = sum(out.aval.shape == own.aval.shape for out, own in zip(loop.outvars, body.outvars, strict=True))
    inputs = loop.invars[-len(body.invars) :]
    stacked = sum(into.aval.shape != own.aval.shape for into, own in zip(inputs, body.invars, strict=True))
    constants = len(body.invars) - count - stacked
    for before, after in zip(body.invars[constants : constants + count], body.outvars[:count], strict=True):
        if jnp.issubdtype(before.aval.dtype, jnp.floating) and _adds_to(body, before, after):
            yield Sum("sum over steps", before.aval.dtype)


def _adds_to(body: Jaxpr, before: Any, after: Any) -> bool:
    """Whether `after` is `before` plus something, by additions alone."""
    makers = {variable: equation for equation in body.eqns for variable in equation.outvars}
    looked_at = [after]
    while looked_at:
        variable = looked_at.pop()
        if isinstance(variable, Literal) or variable not in makers:
            continue
        maker = makers[variable]
        if maker.primitive.name == "jit":
            inner = _open(maker.params["jaxpr"])
            place = maker.outvars.index(variable)
            for outer, own in zip(maker.invars, inner.invars, strict=True):
                if outer is before and _adds_to(inner, own, inner.outvars[place]):
                    return True
        if maker.primitive.name in ("add", "add_any", "scatter-add"):
            if any(operand is before for operand in maker.invars):
                return True
            looked_at += maker.invars
    return False


def sums_of_layer(row: Row) -> dict[str, set[Sum]]:
    """Those of forward and backward, with parameters and inputs in bfloat16, as `cast(layer, bfloat16)` computes it."""
    x = _halved(row.x)
    params, state = jax.eval_shape(row.layer.init, jax.random.key(0), x)
    params = _halved(params)
    forward, (y, _, residuals) = jax.make_jaxpr(row.layer.forward, return_shape=True)(params, state, x)
    dy = jax.tree.map(lambda leaf: leaf if jnp.issubdtype(leaf.dtype, jnp.floating) else None, y)
    backward = jax.make_jaxpr(row.layer.backward)(params, residuals, dy)
    return {"forward": set(sums_of(forward.jaxpr)), "backward": set(sums_of(backward.jaxpr))}


def _halved(tree: Any) -> Any:
    def halved(leaf: Any) -> jax.ShapeDtypeStruct:
        dtype = jax.dtypes.canonicalize_dtype(leaf.dtype)
        return jax.ShapeDtypeStruct(leaf.shape, jnp.bfloat16 if jnp.issubdtype(dtype, jnp.floating) else dtype)

    return jax.tree.map(halved, tree)


def table(rows: Iterable[Row]) -> dict[str, list[set[str]]]:
    """Of each public name, the kinds of its sums: in float32 and in bfloat16, forward, then the same backward."""
    found: dict[str, list[set[str]]] = {}
    for row in rows:
        cells = found.setdefault(row.name, [set(), set(), set(), set()])
        sums = sums_of_layer(row)
        for cell, (which, is_narrow) in zip(
            cells, [("forward", False), ("forward", True), ("backward", False), ("backward", True)], strict=True
        ):
            cell |= {one.kind for one in sums[which] if (one.dtype.itemsize < 4) == is_narrow}
    return {name: cells for name, cells in sorted(found.items(), key=lambda item: item[0].lower()) if any(cells)}


def written() -> dict[str, list[set[str]]]:
    """The table of the page."""
    rows = [line.strip("|").split("|") for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    return {
        name.strip().strip("`"): [{kind.strip() for kind in cell.split(",")} - {""} for cell in cells]
        for name, *cells in rows
    }


def write() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("| layer")) + 2
    end = next((number for number in range(begin, len(lines)) if not lines[number].startswith("|")), len(lines))
    rows = [
        f"| `{name}` | {' | '.join(', '.join(sorted(cell)) for cell in cells)} |" for name, cells in table(ROWS).items()
    ]
    PAGE.write_text("\n".join([*lines[:begin], *rows, *lines[end:]]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
