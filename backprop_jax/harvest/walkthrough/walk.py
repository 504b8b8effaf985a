"""One batch through a model, forward and backward, with everything that there is to know of it."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.checks import require_layer
from backprop_jax.core.cotangents import without_float0
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import value_and_grad
from backprop_jax.core.rewrite import layers_of, rewrite_with_path
from backprop_jax.core.summary import observed, saved_bytes
from backprop_jax.harvest.diagnosis import LayerTaps, with_taps
from backprop_jax.harvest.diagnosis.places import tapped_model
from backprop_jax.harvest.diagnosis.tapped import Tapped
from backprop_jax.harvest.walkthrough.explanation import Explanation, LayerExplanation, ParameterExplanation
from backprop_jax.testing.cases import QUICK, to_dtype
from backprop_jax.testing.compare import relative_errors
from backprop_jax.testing.cross_check import NEGLIGIBLE

__all__ = ["explain"]


def explain(objective: Layer, params: PyTree, state: PyTree, batch: PyTree) -> Explanation:
    """One batch through the chain, forward down, backward up: print it, `save` it as a page, or read its fields.

        y_i, r_i = f_i(y_{i-1})   and then   dparams_i, dy_{i-1} = f_i'ᵀ dy_i

    For each layer: shapes, the bytes that it saves, the norms of its output, of the output's cotangent and of its
    parameters' gradient, and how far this gradient is from `jax.grad`. Layers are those of `with_taps`, in the order of
    their calls; the layers of a `scan` are one, with a range of norms. One that the model itself opens, as a tied
    table, is there for its parameters.

    The difference is that of a second run, in float64: what is left of it is no rounding. Only where the model itself
    computes in less, in a `cast`, is it as large as that.

    Raises:   TypeError if the objective is no layer; ValueError if it gives no scalar.
    """
    require_layer("explain", objective)
    params, state, batch = jax.tree.map(jnp.asarray, (params, state, batch))

    def run(params: PyTree, state: PyTree, batch: PyTree) -> Any:
        (value, _), gradient, taps = with_taps(objective)(params, state, batch)
        return value, gradient, taps

    value, gradient, taps = _computed(run, params, state, batch)
    differences = _from_jax_grad(objective, params, state, batch)
    found = tapped_model(objective, "*", 1, batch).layer
    tapped = {tap.path: tap.layer for tap in layers_of(found, Tapped)}
    owners = _owners(objective, tapped, params)
    depths = {path: np.ndim(tap.activation.values) for path, tap in taps.items()}
    parameters = _parameters(params, gradient, differences, owners, depths)
    opened = {path: layer for path, layer in owners.values() if path not in tapped}
    layers = opened | tapped
    calls = _calls(objective, layers, params, state, batch)
    in_order = [*(path for path in layers if path not in calls), *calls]

    def told(path: str) -> LayerExplanation:
        output, saved = calls.get(path, (None, 0))
        of_layer = tuple(own for owner, own in parameters if owner == path)
        tap: LayerTaps | None = taps.get(path)
        activation, cotangent = (None, None) if tap is None else tap
        return LayerExplanation(path, layers[path], output, saved, activation, cotangent, of_layer)

    norms = [np.sum(np.square(own.gradient_norm)) for _, own in parameters if own.gradient_norm is not None]
    return Explanation(
        objective,
        _shapes(batch),
        float(value),
        float(np.sqrt(sum(norms))),
        saved_bytes(lambda params, state, x: objective.forward(params, state, x)[2], params, state, batch),
        tuple(map(told, in_order)),
    )


def _computed(fn: Callable[..., PyTree], *arguments: PyTree) -> PyTree:
    return jax.device_get(jax.jit(fn, compiler_options=QUICK)(*arguments))


def _from_jax_grad(objective: Layer, params: PyTree, state: PyTree, batch: PyTree) -> dict[str, float]:
    """For each parameter, by path, how far the gradient is from autodiff's, in float64."""

    def both(params: PyTree, state: PyTree, batch: PyTree) -> tuple[PyTree, PyTree]:
        _, ours = value_and_grad(objective)(params, state, batch)
        theirs = jax.grad(lambda params: objective.forward(params, state, batch)[0], allow_int=True)(params)
        return ours, without_float0(theirs)

    with jax.enable_x64(True):
        inputs = (to_dtype(part, jnp.float64) for part in (params, state, batch))
        ours, theirs = _computed(both, *inputs)
    return relative_errors(ours, theirs, NEGLIGIBLE)


class Owner(NamedTuple):
    path: str
    layer: Layer


def _owners(objective: Layer, tapped: dict[str, Layer], params: PyTree) -> dict[str, Owner]:
    """For each parameter, by path, the tapped layer that it is of, or else the innermost layer at all."""
    every: dict[str, Layer] = {}
    rewrite_with_path(objective, lambda path, layer: every.setdefault(path, layer) and layer)

    def owner(parameter: str) -> Owner:
        for layers in (tapped, every):
            around = [path for path in layers if not path or f"{parameter}/".startswith(f"{path}/")]
            if around:
                return Owner(path := max(around, key=len), layers[path])
        return Owner("", objective)

    return {path: owner(path) for _, path, _ in _leaves(params)}


def _leaves(tree: PyTree) -> list[tuple[str, str, Any]]:
    """Key as in `relative_errors`, path, and leaf."""
    found = jax.tree_util.tree_leaves_with_path(tree, is_leaf=lambda node: node is None)
    name = jax.tree_util.keystr
    return [(name(path), name(path, simple=True, separator="/"), leaf) for path, leaf in found]


def _parameters(
    params: PyTree, gradient: PyTree, differences: dict[str, float], owners: dict[str, Owner], depths: dict[str, int]
) -> list[tuple[str, ParameterExplanation]]:
    """With the path of the layer that each is of."""
    gradients = {key: leaf for key, _, leaf in _leaves(gradient)}
    told = []
    for key, path, leaf in _leaves(params):
        owner = owners[path].path
        norm = partial(_norm, stacked=depths.get(owner, 0))
        slope = gradients[key]
        own = ParameterExplanation(
            path, leaf.shape, str(leaf.dtype), norm(leaf), None if slope is None else norm(slope), differences.get(key)
        )
        told.append((owner, own))
    return told


def _norm(leaf: Any, stacked: int) -> np.ndarray:
    """Of the array, or of each along the first axes."""
    rows = np.asarray(leaf).astype(np.float64)
    return np.sqrt(np.sum(np.square(rows), tuple(range(stacked, rows.ndim))))


def _calls(
    objective: Layer, layers: dict[str, Layer], params: PyTree, state: PyTree, batch: PyTree
) -> dict[str, tuple[PyTree, int]]:
    """For each layer that is called, by path, the shapes of its first output and the bytes that it saves then."""
    calls: dict[str, tuple[PyTree, int]] = {}

    def observe(path: str, layer: Layer, params: PyTree, state: PyTree, x: PyTree, y: PyTree) -> None:
        if path not in calls:
            inputs = _shapes((params, state, x))
            calls[path] = _shapes(y), saved_bytes(lambda *given: layer.forward(*given)[2], *inputs)

    def watch(path: str, layer: Layer) -> Layer:
        # Not what it holds under the same path.
        return observed(layer, partial(observe, path)) if layers.get(path) == layer else layer

    jax.eval_shape(rewrite_with_path(objective, watch).forward, params, state, batch)
    return calls


def _shapes(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)
