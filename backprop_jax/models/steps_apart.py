"""Which layers look at other steps than their own, told from their programs before anything runs."""

import dataclasses
from functools import partial
from itertools import count
from typing import Any

import jax

from backprop_jax.combinators.recurrent import Recurrent
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import layers_of, rewrite, rewrite_with_path
from backprop_jax.core.summary import observed
from backprop_jax.layers import CrossAttention, SelfAttention

__all__ = ["BATCH", "steps_apart"]

KNOWN = Recurrent, SelfAttention, CrossAttention  # which `step_by_step` looks after
BATCH = 2  # sequences of one step each, for which such a model is to be traced


def steps_apart(caller: str, model: Layer) -> Layer:
    """The model, which refuses to be traced if a layer in it looks at other steps and remembers none.

    A model that writes gets a text in several calls. What a layer makes of a step may then hang on that step and on
    what it has in its state, but on no other step: else it makes something else of the text in one call. So each layer
    that leaves its state as it was is traced on many steps, and no operation in its program may mix them. Wiring is
    such a layer too. What cannot be told from mixing is taken for it.

    Raises:   ValueError, when it is traced on x (BATCH, 1, ...), which names the first such layer.
    """

    def observe(path: str, layer: Layer, params: PyTree, state: PyTree, x: PyTree, y: PyTree) -> None:
        if not _remembers(layer, params, state, x) and _looks_around(layer, params, state, x, y):
            where = f" at {path}" if path else ""
            raise ValueError(
                f"{caller} gives a model its text step by step, but {layer}{where} looks at other steps than its own "
                f"and remembers none"
            )

    def watch(path: str, layer: Layer) -> Layer:
        if isinstance(layer, KNOWN):
            return rewrite(layer, dataclasses.replace)  # made anew: nothing in it is observed
        return layer if any(layers_of(layer, kind) for kind in KNOWN) else observed(layer, partial(observe, path))

    return rewrite_with_path(model, watch)


def _remembers(layer: Layer, params: PyTree, state: PyTree, x: PyTree) -> bool:
    """Whether the new state is another than the old."""
    if not jax.tree.leaves(state):
        return False
    program = jax.make_jaxpr(lambda state: layer.forward(params, state, x)[1])(state).jaxpr
    return program.outvars != program.invars


def _looks_around(layer: Layer, params: PyTree, state: PyTree, x: PyTree, y: PyTree) -> bool:
    sizes = {size for leaf in jax.tree.leaves((params, state, x)) for size in leaf.shape if size}
    steps = next(number for number in count(101) if all(size % number for size in sizes))  # found again by its size

    def longer(leaf: jax.Array) -> jax.ShapeDtypeStruct:
        axis = min(1, len(leaf.shape) - 1)
        shape = [steps if (place, size) == (axis, 1) else size for place, size in enumerate(leaf.shape)]
        return jax.ShapeDtypeStruct(tuple(shape), leaf.dtype)

    given = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), (params, state))
    trace = jax.make_jaxpr(lambda params, state, x: layer.forward(params, state, x)[0], return_shape=True)
    program, found = trace(*given, jax.tree.map(longer, x))
    stay = [leaf.shape for leaf in jax.tree.leaves(found)] == [longer(leaf).shape for leaf in jax.tree.leaves(y)]
    return not stay or _mixes(program.jaxpr, steps)


def _mixes(program: Any, steps: int) -> bool:
    """Whether an operation makes one place of an axis of `steps`, or a multiple of it, of several, or numbers them."""

    def has_steps(variable: Any) -> bool:
        return any(size and size % steps == 0 for size in getattr(variable.aval, "shape", ()))

    for operation in program.eqns:
        numbers_places = operation.primitive.name == "iota" and (
            operation.params["shape"][operation.params["dimension"]] % steps == 0
        )
        if numbers_places:
            return True
        if not any(map(has_steps, operation.invars)):
            continue
        within = [part for value in operation.params.values() for part in _programs(value)]
        if within:
            is_loop = operation.params.get("length", 1) % steps == 0 and operation.params.get("num_carry", 0)
            if is_loop or any(_mixes(part, steps) for part in within):
                return True
            continue
        shape = operation.invars[0].aval.shape
        meet = any(shape[axis] and shape[axis] % steps == 0 for axis in _mixed_axes(operation, shape))
        if meet or not any(map(has_steps, operation.outvars)):
            return True
    return False


def _programs(value: Any) -> list[Any]:
    values = value if isinstance(value, tuple | list) else [value]
    programs = [getattr(each, "jaxpr", each) for each in values]
    return [program for program in programs if hasattr(program, "eqns")]


def _mixed_axes(operation: Any, shape: tuple[int, ...]) -> list[int]:
    """The axes of the first operand along which places meet."""
    given, kind = operation.params, operation.primitive.name
    if kind == "dot_general":
        return list(given["dimension_numbers"][0][0])
    if kind == "conv_general_dilated":
        numbers, kernel = given["dimension_numbers"], operation.invars[1].aval.shape
        wide = [axis for axis, tap in zip(numbers.lhs_spec[2:], numbers.rhs_spec[2:], strict=True) if kernel[tap] > 1]
        return [numbers.lhs_spec[1], *wide]
    if kind == "gather":
        apart = given["dimension_numbers"].operand_batching_dims
        return [axis for axis, size in enumerate(given["slice_sizes"]) if size < shape[axis] and axis not in apart]
    if kind == "fft":
        return list(range(len(shape)))[-len(given["fft_lengths"]) :]
    if "window_dimensions" in given:
        return [axis for axis, size in enumerate(given["window_dimensions"]) if size > 1]
    named = [given.get(name) for name in ("axes", "axis", "dimension", "dimensions")]
    return [axis for axes in named if axes is not None for axis in (axes if isinstance(axes, tuple) else (axes,))]
