"""The laws of a gradient transform, checked."""

import copy
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import PyTree
from backprop_jax.testing.cases import random_like
from backprop_jax.testing.compare import assert_close

__all__ = ["check_transform"]


def check_transform(transform: Any, params: PyTree, *, steps: int = 3, seed: int = 0, **extra: Any) -> None:
    """AssertionError, naming the law, unless `transform` keeps the laws of a gradient transform on trees like `params`.

    Checked over some steps on random updates: it is a value (a copy is equal, hashes alike, and hits the jit cache);
    updates keep the structure, shapes and dtypes of what came in; the state keeps its types; `init` works on shapes
    alone, and an update under jit, scan and vmap is the plain one; unknown extra arguments are accepted.
    """
    random = np.random.default_rng(seed)
    gradients = [random_like(params, random) for _ in range(steps)]
    try:
        _check_value_semantics(transform, params, gradients[0], extra)
        plain = _run(transform, params, gradients, extra)
        _check_types(transform, params, gradients[0], plain)
        _check_transformations(transform, params, gradients, plain, extra)
    except AssertionError as error:
        raise AssertionError(f"{transform}: {error}") from error


def _run(transform: Any, params: PyTree, gradients: list[PyTree], extra: dict) -> tuple[PyTree, PyTree]:
    state = transform.init(params)
    updates: PyTree = None
    for gradient in gradients:
        updates, state = transform.update(gradient, state, params, **extra)
    return updates, state


def _check_value_semantics(transform: Any, params: PyTree, gradient: PyTree, extra: dict) -> None:
    rebuilt = copy.deepcopy(transform)
    assert rebuilt == transform, "a copy is not equal to the transform"
    assert hash(rebuilt) == hash(transform), "a copy has another hash"
    traces = []

    def update(transform: Any, gradient: PyTree, state: PyTree, params: PyTree) -> tuple[PyTree, PyTree]:
        traces.append(None)
        return transform.update(gradient, state, params, **extra)

    compiled = jax.jit(update, static_argnums=0)
    _, state = compiled(transform, gradient, transform.init(params), params)
    compiled(rebuilt, gradient, state, params)
    assert len(traces) == 1, "a second step, or a copy of the transform, is compiled again: a type of the state changed"


def _check_types(transform: Any, params: PyTree, gradient: PyTree, plain: tuple[PyTree, PyTree]) -> None:
    updates, state = plain
    assert _types(updates) == _types(gradient), f"updates {_types(updates)} for gradients {_types(gradient)}"
    before = _types(transform.init(params))
    assert _types(state) == before, f"after an update the state is {_types(state)}, and was {before}"
    from_shapes = _types(jax.eval_shape(transform.init, params))
    assert from_shapes == before, f"init on shapes alone gives {from_shapes}, on arrays {before}"


def _check_transformations(
    transform: Any, params: PyTree, gradients: list[PyTree], plain: tuple[PyTree, PyTree], extra: dict
) -> None:
    def step(state: PyTree, gradient: PyTree) -> tuple[PyTree, PyTree]:
        updates, state = transform.update(gradient, state, params, **extra)
        return state, updates

    def scanned(params: PyTree, gradients: PyTree) -> tuple[PyTree, PyTree]:
        state, updates = jax.lax.scan(step, transform.init(params), gradients)
        return jax.tree.map(lambda leaf: leaf[-1], updates), state

    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *gradients)
    tolerance = 1e-5 if all(leaf.dtype.itemsize >= 4 for leaf in jax.tree.leaves(params)) else 2e-2
    assert_close(jax.jit(scanned)(params, stacked), plain, tolerance, "under jit and scan against without")
    one, both = gradients[0], jax.tree.map(lambda leaf: jnp.stack([leaf, -leaf]), gradients[0])
    mapped, _ = jax.vmap(lambda gradient: transform.update(gradient, transform.init(params), params, **extra))(both)
    alone, _ = transform.update(one, transform.init(params), params, **extra)
    assert_close(jax.tree.map(lambda leaf: leaf[0], mapped), alone, tolerance, "under vmap against without")
    with_extra, _ = transform.update(one, transform.init(params), params, **{"an unknown argument": 1, **extra})
    assert_close(with_extra, alone, 0.0, "with an unknown extra argument against without")


def _types(tree: PyTree) -> PyTree:
    return jax.tree.structure(tree), tuple(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(tree))
