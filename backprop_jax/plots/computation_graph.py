"""What a model computes, forward and backward, and what it keeps in between."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from backprop_jax.combinators.chain import Chain
from backprop_jax.combinators.parallel import FanOut, Parallel
from backprop_jax.combinators.remat import Remat
from backprop_jax.combinators.scan import Scan
from backprop_jax.combinators.skip import Skip
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.core.paths import by_path
from backprop_jax.core.rewrite import rewrite_outermost
from backprop_jax.core.summary import observed, without_initializers
from backprop_jax.plots.blocks import Block, Branches, Bypass, Frame, Node, Series, Wire, draw_wire
from backprop_jax.plots.paper import BLUE, GREY, ORANGE, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_computation_graph"]

END, MARGIN = 0.5, 0.25  # inches above and below, and around
MOST_LISTED = 3  # shapes of one line, beyond which they are counted


def plot_computation_graph(model: Layer, x: PyTree) -> "Figure":
    """The layers of a model on inputs like `x`, nothing of which is computed: save it as SVG, and it stays sharp.

    Values go down in blue, cotangents come back up in orange where there are any; beside them stands the shape of both.
    A layer tells its parameters, and what it saves for its backward: its input x, its output y, or arrays of its own.
    Chains, skip connections, branches and scans are drawn as such; another layer that holds some is a frame around
    these in the order in which they are called.

    Raises:   as the model, for inputs that it does not take; ModuleNotFoundError, naming the extra to install, if
              matplotlib is missing.
    """
    params, state = jax.eval_shape(model.init, jax.random.key(0), x)
    x = _shapes(x)
    block, y = _block(model, params, state, x), _output(model, params, state, x)
    width, height = block.width + 2 * MARGIN, block.height + 2 * (END + MARGIN) + 0.2
    into, out = _wire(x), _wire(y)
    width = max(width, 3.6, MARGIN + block.middle + 0.08 * max(len(into.text), len(out.text)) + 0.4)
    with blank(width, height) as figure:
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        axes.text(MARGIN, 0.18, "forward", color=BLUE, fontsize=9, va="center")
        axes.text(MARGIN + 0.62, 0.18, "backward", color=ORANGE, fontsize=9, va="center")
        axes.text(MARGIN + 1.36, 0.18, "and what is saved between", color=GREY, fontsize=9, va="center")
        top, across = MARGIN + 0.2, MARGIN + block.middle
        draw_wire(axes, into, (across, top), (across, top + END), label=True)
        block.draw(axes, MARGIN, top + END)
        below = top + END + block.height
        draw_wire(axes, out, (across, below), (across, below + END), label=True)
    return figure


def _block(layer: Layer, params: PyTree, state: PyTree, x: PyTree) -> Block:
    match layer:
        case Chain(children) if children.layers:
            return _series(children.zip(params, state), x)
        case Supervised(inner, loss):
            prediction = _output(inner, params, state, x[0]), x[1]
            return Series((_block(inner, params, state, x[0]), _node(loss, (), (), prediction)), (_wire(prediction),))
        case Skip(inner):
            return Bypass(_block(inner, params, state, x), _wire(x))
        case FanOut(inner):
            return _branches(inner, params, state, inner.children.pack([x] * len(inner.children.layers)))
        case Parallel():
            return _branches(layer, params, state, x)
    calls = _calls(layer, params, state, x)
    if not calls:
        return _node(layer, params, state, x)
    blocks = tuple(_block(*call) for call in calls)
    name = _named(layer)
    if isinstance(layer, Remat):
        name = f"{name} saves {_listed(_saved(layer, params, state, x))} alone"
    return Frame(name, Series(blocks, tuple(_wire(own_x) for *_, own_x in calls[1:])))


def _series(layers: Sequence[tuple], x: PyTree) -> Block:
    blocks, wires = [], []
    for layer, params, state in layers:
        blocks.append(_block(layer, params, state, x))
        x = _output(layer, params, state, x)
        wires.append(_wire(x))
    return Series(tuple(blocks), tuple(wires[:-1]))


def _branches(parallel: Parallel, params: PyTree, state: PyTree, x: PyTree) -> Block:
    each = parallel.children.zip(params, state, x)
    blocks = tuple(_block(*columns) for columns in each)
    out = tuple(_wire(_output(*columns)) for columns in each)
    return Branches(blocks, tuple(_wire(own_x) for *_, own_x in each), out, _called(parallel.join))


def _calls(layer: Layer, params: PyTree, state: PyTree, x: PyTree) -> list[tuple]:
    """The layers in it whose forward it calls, with what each call is given."""
    calls: list[tuple] = []

    def watch(path: str, part: Layer) -> Layer:
        return observed(part, lambda own, *given: calls.append((part, *_shapes(given[:3]))))

    watched = rewrite_outermost(layer, lambda path, part: part is not layer, watch)
    jax.eval_shape(watched.forward, params, state, x)
    return calls[:1] if isinstance(layer, Scan) else calls  # one step stands for all


def _node(layer: Layer, params: PyTree, state: PyTree, x: PyTree) -> Node:
    weights = [f"{name or 'params'} {list(leaf.shape)}" for name, leaf in by_path(params).items()]
    saved = _saved(layer, params, state, x)
    lines = [_listed(weights)] if weights else []
    return Node(_called(layer), (*lines, f"saves {_listed(saved)}" if saved else "saves nothing"))


def _saved(layer: Layer, params: PyTree, state: PyTree, x: PyTree) -> list[str]:
    """Each array once: the input, the output, or the type and shape of another."""

    def run(params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        y, _, residuals = layer.forward(params, state, x)
        return y, residuals

    jaxpr, (y, _) = jax.make_jaxpr(run, return_shape=True)(params, state, x)
    outputs = len(jax.tree.leaves(y))
    given = jaxpr.jaxpr.invars
    inputs = given[len(given) - len(jax.tree.leaves(x)) :]
    names = {id(own): "y" for own in jaxpr.jaxpr.outvars[:outputs]} | {id(own): "x" for own in inputs}
    saved = {id(own): own.aval for own in jaxpr.jaxpr.outvars[outputs:]}
    return list(dict.fromkeys(names[own] for own in saved if own in names)) + [
        _shape(aval) for own, aval in saved.items() if own not in names
    ]


def _output(layer: Layer, params: PyTree, state: PyTree, x: PyTree) -> PyTree:
    return jax.eval_shape(layer.forward, params, state, x)[0]


def _shapes(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)), tree)


def _wire(value: PyTree) -> Wire:
    leaves = jax.tree.leaves(value)
    return Wire(
        _listed([_shape(leaf) for leaf in leaves]), any(jnp.issubdtype(leaf.dtype, jnp.inexact) for leaf in leaves)
    )


def _shape(leaf: Any) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_LISTED
    return ", ".join(names[:MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def _called(layer: Layer) -> str:
    return repr(without_initializers(layer))


def _named(layer: Layer) -> str:
    """The layer without those that it holds, which are drawn in it."""
    own = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer) if field.init}
    told = (
        f"{name}={value!r}"
        for name, value in own.items()
        if isinstance(value, int | float | str) and not isinstance(value, bool)
    )
    return f"{type(layer).__name__}({', '.join(told)})"
