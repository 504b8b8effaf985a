"""The laws of `Layer`, checked."""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.cotangents import cast_like, instantiate, is_differentiable, pull
from backprop_jax.core.interop import as_jax_function
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import rewrite
from backprop_jax.core.summary import saved_bytes
from backprop_jax.testing.cases import (
    QUICK,
    Case,
    autodiff,
    directional_difference,
    hand_written,
    inner,
    make_case,
    random_direction,
    random_like,
    to_dtype,
)
from backprop_jax.testing.compare import assert_close, assert_same_types, relative_errors

__all__ = ["LayerReport", "check_layer"]

STEP = 1e-5  # of the central differences


class LayerReport(NamedTuple):
    """What a check measured: the largest relative error against each oracle, and the bytes saved."""

    jax_vjp_float32: float
    jax_vjp_float64: float
    central_differences_float64: float | None
    residual_bytes: int
    residual_bytes_of_jax_vjp: int


def check_layer(
    layer: Layer,
    x: PyTree,
    *,
    seed: int = 0,
    residual_bytes: int | None = None,
    smooth: bool = True,
    mixed_dtypes: bool = True,
    computes_in: jax.typing.DTypeLike | None = None,
) -> LayerReport:
    """AssertionError, naming the law and the leaf, unless `layer` keeps the laws of `Layer` on the input `x`.

    Checked on random parameters and cotangents: value semantics; structures, shapes and dtypes of cotangents and state;
    the gradient against `jax.vjp` of forward in float32 and float64 and against central differences in float64;
    linearity; `None` as zero; with and without jit, under vmap and scan; through `as_jax_function` under `jax.grad`; in
    bfloat16, where the error may be 1.5 times that of `jax.vjp`; residuals are arrays, none of them a parameter, and at
    most `residual_bytes` bytes (those of `jax.vjp` of the same forward if not given).

    `smooth=False` leaves out the central differences: at a tie or a kink they say nothing. `mixed_dtypes=False` leaves
    out bfloat16 data with float32 parameters, which a scan refuses. `computes_in` names the dtype of a layer that fixes
    its own, such as `cast`: tolerances are then those of that dtype.
    """
    return check_laws(layer, x, seed, residual_bytes, smooth, mixed_dtypes, computes_in)


def check_laws(
    layer: Layer,
    x: PyTree,
    seed: int = 0,
    residual_bytes: int | None = None,
    smooth: bool = True,
    mixed_dtypes: bool = True,
    computes_in: jax.typing.DTypeLike | None = None,
    brief: bool = False,
) -> LayerReport:
    """The laws of `check_layer`; `brief` leaves out numbers but those of one program in float32 (NaN in the report).

    For the catalogue of our own tests, where many rows are of one layer.
    """
    case = make_case(layer, x, np.random.default_rng(seed))
    float32, float64 = 2e-5, 1e-12
    if computes_in is not None:
        float32 = float64 = 4 * float(jnp.finfo(computes_in).eps)
        smooth = False
    precise = jax.jit(lambda case: autodiff(layer, case), compiler_options=QUICK)  # compiled once for two laws
    float64_error, differences = math.nan, None
    try:
        _check_value_semantics(layer)
        _check_types(layer, case)
        saved, saved_by_vjp = _check_residuals(layer, case, residual_bytes)
        float32_error = _check_float32(layer, case, float32, brief)
        if computes_in is None:
            low = _converted(layer, case, jnp.bfloat16)
            _check_types(layer, low)
            if not brief:
                _check_bfloat16(layer, low, precise)
            if mixed_dtypes:
                mixed = case._replace(x=to_dtype(case.x, jnp.bfloat16))
                _check_types(layer, _with_matching_dy(layer, mixed))
        if not brief:
            float64_error, differences = _check_float64(layer, case, precise, float64, smooth)
    except AssertionError as error:
        shapes = jax.tree.map(lambda leaf: f"{leaf.dtype}{list(leaf.shape)}", x)
        raise AssertionError(f"{layer} on {shapes}: {error}") from error
    return LayerReport(float32_error, float64_error, differences, saved, saved_by_vjp)


def _check_value_semantics(layer: Layer) -> None:
    rebuilt = rewrite(layer, dataclasses.replace)
    assert rebuilt == layer and hash(rebuilt) == hash(layer), "a rebuilt layer is not equal to the layer"


def _check_types(layer: Layer, case: Case) -> None:
    y, new_state, residuals = jax.eval_shape(layer.forward, case.params, case.state, case.x)
    for leaf in jax.tree.leaves((y, residuals)):
        assert hasattr(leaf, "dtype"), f"output and residuals are made of arrays, not of {type(leaf).__name__}"
    described = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (new_state, case.state))
    assert described[0] == described[1], f"the new state {described[0]} has not the form of the old, {described[1]}"
    dparams, dx = jax.eval_shape(partial(pull, layer), case.params, residuals, case.dy)
    assert_same_types(dparams, case.params, "dparams")
    assert_same_types(dx, case.x, "dx")


def _check_residuals(layer: Layer, case: Case, bound: int | None) -> tuple[int, int]:
    def ours(params: PyTree, state: PyTree, x: PyTree) -> PyTree:
        return layer.forward(params, state, x)[2]

    def of_vjp(params: PyTree, state: PyTree, x: PyTree) -> PyTree:
        return jax.vjp(lambda params, x: layer.forward(params, state, x)[0], params, x)[1]

    jaxpr = jax.make_jaxpr(ours)(*case[:3]).jaxpr
    parameters = jaxpr.invars[: len(jax.tree.leaves(case.params))]
    held = [parameters.index(variable) for variable in jaxpr.outvars if variable in parameters]
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(case.params)]
    assert not held, f"residuals hold the parameter {', '.join(paths[number] for number in held)}"
    saved, saved_by_vjp = saved_bytes(ours, *case[:3]), saved_bytes(of_vjp, *case[:3])
    limit = saved_by_vjp if bound is None else bound
    source = "what jax.vjp saves" if bound is None else "the bound"
    assert saved <= limit, f"residuals take {saved} bytes, and {source} is {limit}"
    return saved, saved_by_vjp


def _check_float32(layer: Layer, case: Case, tolerance: float, brief: bool) -> float:
    """Against `jax.vjp`, with and (if not brief) without jit, under vmap and scan, through `as_jax_function`.

    In one program that holds the layer's rule twice, as compiling is what takes time: under a scan over vmapped pairs,
    and under `jax.grad`. Only where these differ, the laws are looked at one by one.
    """
    flip = lambda leaf: leaf[..., ::-1] if leaf.ndim and is_differentiable(leaf) else leaf
    other = case._replace(x=jax.tree.map(flip, case.x), dy=jax.tree.map(lambda leaf: -2 * leaf, case.dy))

    def everything(case: Case, other: Case) -> tuple[PyTree, PyTree, PyTree]:
        run = lambda x, dy: hand_written(layer, case._replace(x=x, dy=dy))
        one, two = (case.x, case.dy), (other.x, other.dy)
        pairs = _stacked(_stacked(one, two), _stacked(two, one))
        mapped = jax.lax.map(lambda pair: jax.vmap(run)(*pair), pairs)
        return autodiff(layer, case), _through_jax_grad(layer, case), mapped

    compiled = jax.jit(everything, compiler_options=QUICK)
    (y_expected, expected), (y, gradient), mapped = jax.device_get(compiled(case, other))
    (first, second), (second_again, first_again) = ([_at(_at(mapped, m), n) for n in range(2)] for m in range(2))
    try:
        assert_close(y, y_expected, tolerance, "forward")
        error = assert_close(_named(gradient), _named(expected), tolerance, "gradient")
        without_jit = () if brief else (hand_written(layer, jax.device_put(case)),)
        for result in (first, first_again, *without_jit):
            assert_close(result, (y, gradient), tolerance, "under vmap in scan against without")
        assert_close(second, second_again, tolerance, "under vmap in scan, first against second")
    except AssertionError:
        _check_one_by_one(layer, case, other, tolerance)
        raise
    return error


def _check_one_by_one(layer: Layer, case: Case, other: Case, tolerance: float) -> None:
    """The laws of `_check_float32`, by name."""

    def everything(case: Case, other: Case) -> dict[str, PyTree]:
        run = lambda x, dy: hand_written(layer, case._replace(x=x, dy=dy))
        both = _stacked((case.x, case.dy), (other.x, other.dy))
        return {
            "hand": run(case.x, case.dy),
            "vjp": autodiff(layer, case),
            "grad": _through_jax_grad(layer, case),
            "vmap": jax.vmap(run)(*both),
            "scan": jax.lax.map(lambda one: run(*one), both),
        }

    result = jax.device_get(jax.jit(everything, compiler_options=QUICK)(case, other))
    (y, gradient), (y_expected, expected) = result["hand"], result["vjp"]
    assert_close(y, y_expected, tolerance, "forward against forward under jax.vjp")
    assert_close(_named(gradient), _named(expected), tolerance, "gradient against jax.vjp in float32")
    assert_close(_named(result["grad"][1]), _named(gradient), tolerance, "jax.grad through as_jax_function")
    assert_close(_at(result["scan"], 0), result["hand"], tolerance, "under scan against without")
    assert_close(result["vmap"], result["scan"], tolerance, "under vmap against under scan")
    assert_close(hand_written(layer, jax.device_put(case)), result["hand"], tolerance, "without jit against with")


def _through_jax_grad(layer: Layer, case: Case) -> tuple[PyTree, PyTree]:
    """The output, and `(dparams, dx)` by `jax.grad` of the layer as a JAX function."""

    def objective(params: PyTree, x: PyTree) -> tuple[jax.Array, PyTree]:
        y, _ = as_jax_function(layer)(params, case.state, x)
        return inner(case.dy, y), y

    by_grad, y = jax.grad(objective, argnums=(0, 1), has_aux=True, allow_int=True)(case.params, case.x)
    keep = lambda leaf, primal: leaf if is_differentiable(primal) else None
    return y, jax.tree.map(keep, by_grad, (case.params, case.x))


def _stacked(*trees: PyTree) -> PyTree:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _at(tree: PyTree, place: int) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[place], tree)


def _check_bfloat16(layer: Layer, low: Case, precise: Callable[[Case], tuple[PyTree, PyTree]]) -> None:
    both = jax.jit(lambda case: (hand_written(layer, case), autodiff(layer, case)), compiler_options=QUICK)
    (_, ours), (_, theirs) = both(low)
    with jax.enable_x64(True):
        _, exact = precise(_converted(layer, low, jnp.float64))
    rounding = float(jnp.finfo(jnp.bfloat16).eps) / 2
    our_errors, their_errors = (relative_errors(_named(each), _named(exact)) for each in (ours, theirs))
    for path, error in our_errors.items():
        allowed = 1.5 * their_errors[path] + rounding
        assert error <= allowed, f"{path} in bfloat16 is off by {error:.1e} of its float64 value, {allowed:.1e} allowed"


def _check_float64(
    layer: Layer, case: Case, precise: Callable[[Case], tuple[PyTree, PyTree]], tolerance: float, smooth: bool
) -> tuple[float, float | None]:
    """Against `jax.vjp` (`precise`) and central differences, and linearity in dy."""
    with jax.enable_x64(True):
        case = _converted(layer, case, jnp.float64)
        random = np.random.default_rng(7)
        other_dy = random_like(case.dy, random)
        direction = random_direction(layer, case, random)
        leaves, structure = jax.tree.flatten(case.dy)
        without = [
            [structure.unflatten([*leaves[:n], zero, *leaves[n + 1 :]]) for zero in (None, np.zeros_like(leaves[n]))]
            for n in range(len(leaves) if len(leaves) > 1 else 0)
        ]
        combine = lambda left, right: jax.tree.map(lambda a, b: 1e3 * a - 1e-3 * b, left, right)
        full = [case.dy, other_dy, combine(case.dy, other_dy), *(zeros for _, zeros in without)]

        def everything(case: Case, full: PyTree, partial_cotangents: list) -> tuple[PyTree, list, PyTree]:
            _, _, residuals = layer.forward(case.params, case.state, case.x)
            backward = lambda dy: instantiate(pull(layer, case.params, residuals, dy), (case.params, case.x))
            difference = directional_difference(layer, case, direction, STEP) if smooth else None
            return jax.lax.map(backward, full), [backward(dy) for dy in partial_cotangents], difference

        stacked = jax.tree.map(lambda *dys: np.stack(dys), *full)
        compiled = jax.jit(everything, compiler_options=QUICK)
        results, with_none, difference = jax.device_get(compiled(case, stacked, [none for none, _ in without]))
        _, expected = precise(case)
        gradient, of_other, of_sum, *with_zeros = (_at(results, n) for n in range(len(full)))
        error = assert_close(_named(gradient), _named(expected), tolerance, "gradient against jax.vjp in float64")
        linear = "backward of a sum of cotangents against the sum of their backwards"
        assert_close(_named(of_sum), _named(combine(gradient, of_other)), max(1e-9, tolerance), linear)
        for number, (none, zeros) in enumerate(zip(with_none, with_zeros, strict=True)):
            assert_close(_named(none), _named(zeros), tolerance, f"None for output leaf {number} against zeros")
        if not smooth:
            return error, None
        return error, _assert_derivative(gradient, direction, float(difference))


def _assert_derivative(gradient: PyTree, direction: PyTree, difference: float) -> float:
    derivative = float(inner(direction, gradient))
    size = sum(float(np.sum(np.abs(leaf))) for leaf in jax.tree.leaves(gradient))
    error = abs(derivative - difference) / max(abs(derivative), 1e-3 * size, 1e-12)
    if not error <= 1e-6:
        raise AssertionError(
            f"the derivative along a random direction is {derivative:.9g}, by central differences {difference:.9g}"
        )
    return error


def _converted(layer: Layer, case: Case, dtype: jax.typing.DTypeLike) -> Case:
    """The case in another dtype, its cotangent in whatever dtype the output then has."""
    return _with_matching_dy(layer, Case(*(to_dtype(part, dtype) for part in case)))


def _with_matching_dy(layer: Layer, case: Case) -> Case:
    y = jax.eval_shape(layer.forward, case.params, case.state, case.x)[0]
    return case._replace(dy=cast_like(case.dy, y))


def _named(gradient: tuple[PyTree, PyTree]) -> dict[str, PyTree]:
    """So that messages say `dparams` and `dx`."""
    return {"dparams": gradient[0], "dx": gradient[1]}
