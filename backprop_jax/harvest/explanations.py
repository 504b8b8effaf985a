"""Why did the model say that? Answers that come out of a backward pass."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.combinators import with_backward
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import eval_mode
from backprop_jax.core.static import Static
from backprop_jax.core.whole_number import whole_number
from backprop_jax.harvest.selecting import replace_selected
from backprop_jax.layers import ReLU

__all__ = ["grad_cam", "guided", "input_gradient", "integrated_gradients", "target_rows"]


def input_gradient(model: Layer, params: PyTree, state: PyTree, x: jax.Array, target: jax.Array) -> jax.Array:
    """∂y[target] / ∂x for each example, in the form of x: what a saliency map shows.

    x (B, ...) gives y (B, V), target (B,) is a class number each. The model is used as in evaluation.

    Source:   Simonyan, Vedaldi & Zisserman, 2013, arXiv:1312.6034.
    """
    _, dx = _from_target(eval_mode(model), params, state, x, target)
    return dx


def guided(model: Layer) -> Layer:
    """The model whose ReLUs let only positive cotangents back, for `input_gradient`: guided backpropagation.

    Raises:   ValueError if there is no ReLU in it.
    Source:   Springenberg et al., 2014, arXiv:1412.6806.
    """
    return replace_selected(model, ReLU, lambda part: with_backward(part, _only_positive))


def integrated_gradients(
    model: Layer,
    params: PyTree,
    state: PyTree,
    x: jax.Array,
    target: jax.Array,
    baseline: jax.Array | float = 0.0,
    steps: int = 32,
) -> jax.Array:
    """How much each input number adds to y[target], compared with a baseline, in the form of x.

        (x - x₀) ∫₀¹ ∂y[target] / ∂x at x₀ + α (x - x₀) dα,   the integral by Gauss-Legendre with `steps` points

    Summed over an example it is y[target] at x less that at the baseline.

    Raises:   ValueError if steps is no whole number of 1 or more.
    Source:   Sundararajan, Taly & Yan, 2017, arXiv:1703.01365.
    """
    if whole_number(steps, least=1) is None:
        raise ValueError(f"integrated_gradients needs a whole number of steps, 1 or more, not {steps!r}")
    model, start = eval_mode(model), jnp.broadcast_to(jnp.asarray(baseline, x.dtype), x.shape)
    precise = jnp.promote_types(x.dtype, jnp.float32)
    points, weights = _gauss_legendre(steps, precise)

    def add(total: jax.Array, point: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        place, weight = point
        _, dx = _from_target(model, params, state, start + (place * (x - start)).astype(x.dtype), target)
        return total + weight * dx, None

    mean, _ = lax.scan(add, jnp.zeros_like(x, precise), (points, weights))
    return ((x - start) * mean).astype(x.dtype)


def grad_cam(model: Layer, params: PyTree, state: PyTree, x: jax.Array, target: jax.Array, path: str) -> jax.Array:
    """Where in the image the evidence for `target` is: (B, *N), as coarse as the output of the layer at `path`.

        relu(Σ_c a_c y_c),   y (B, *N, C) that layer's output, a_c the mean over the places of ∂y[target] / ∂y_c

    Raises:   ValueError if there is no such layer, its output is no image, or it is one of many in a `scan`.
    Source:   Selvaraju et al., 2017, arXiv:1610.02391.
    """
    watched = replace_selected(eval_mode(model), lambda at, part: at == path, Watched)
    dparams, _ = _from_target(watched, params, state, x, target)
    seen = [leaf for leaf in jax.tree.leaves(dparams, is_leaf=_is_seen) if _is_seen(leaf)]
    if len(seen) != 1 or seen[0].rank.value < 3 or seen[0].y.ndim != seen[0].rank.value:  # a scan adds an axis
        raise ValueError(f"grad_cam needs the path of one layer whose output is (B, *N, C), not {path!r}")
    y, dy, _ = seen[0]
    places = tuple(range(1, y.ndim - 1))
    return jax.nn.relu(jnp.sum(jnp.mean(dy, places, keepdims=True) * y, -1))


def _from_target(
    model: Layer, params: PyTree, state: PyTree, x: jax.Array, target: jax.Array
) -> tuple[PyTree, jax.Array]:
    y, _, residuals = model.forward(params, state, x)
    return model.backward(params, residuals, target_rows(y, target))


def target_rows(y: jax.Array, target: jax.Array) -> jax.Array:
    """1 at each example's class and 0 at the others, in the form of y (B, V); NaN where there is no such class.

    Raises:   ValueError unless y has one number for each class, and target is one class for each example.
    """
    if y.ndim != 2 or jnp.shape(target) != y.shape[:1] or not jnp.issubdtype(jnp.result_type(target), jnp.integer):
        raise ValueError(
            f"explanations are of models that give (B, V), with one class number for each of B examples, not "
            f"{list(y.shape)} and {jnp.result_type(target)}{list(jnp.shape(target))}"
        )
    rows = jax.nn.one_hot(target, y.shape[-1], dtype=y.dtype)
    return jnp.where(jnp.any(rows, -1, keepdims=True), rows, jnp.nan)


def _only_positive(layer: Layer, params: PyTree, residuals: PyTree, dy: jax.Array) -> tuple[PyTree, PyTree]:
    return layer.backward(params, residuals, jax.nn.relu(dy))


def _gauss_legendre(steps: int, dtype: jnp.dtype) -> tuple[jax.Array, jax.Array]:
    points, weights = np.polynomial.legendre.leggauss(steps)  # on [-1, 1]
    return jnp.asarray((points + 1) / 2, dtype), jnp.asarray(weights / 2, dtype)


class Seen(NamedTuple):
    y: jax.Array
    dy: jax.Array
    rank: Static  # of y in this call; 0 if it is no array


def _is_seen(node: Any) -> bool:
    return isinstance(node, Seen)


@dataclass(frozen=True)
class Watched(Layer):
    """A layer that gives, where its parameters' cotangents would be, its output and the output's cotangent."""

    layer: Layer

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        return self.layer.init(key, x)

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        y, state, residuals = self.layer.forward(params, state, x)
        return y, state, (residuals, y, Static(getattr(y, "ndim", 0)))

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        own, y, rank = residuals
        return Seen(y, dy, rank), self.layer.backward(params, own, dy)[1]
