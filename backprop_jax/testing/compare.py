"""Comparing pytrees of arrays, with messages that name the leaf."""

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.cotangents import is_differentiable
from backprop_jax.core.layer import PyTree

__all__ = ["assert_close", "assert_same_types", "relative_error", "relative_errors"]


def relative_errors(actual: PyTree, expected: PyTree, negligible: float = 0.0) -> dict[str, float]:
    """For each leaf, by path: the largest difference over the largest absolute value of the expected leaf.

    A leaf smaller than the part `negligible` of the tree's largest value is measured as if it had that size.
    """
    left, right = _leaves(actual), _leaves(expected)
    least = max(negligible * max(map(_size, right.values()), default=0.0), float(np.finfo(np.float32).tiny))
    pairs = zip(left.items(), right.values(), strict=True)
    return {path: _relative_error(one, other, least) for (path, one), other in pairs}


def relative_error(actual: PyTree, expected: PyTree, negligible: float = 0.0) -> float:
    """The largest of `relative_errors`, NaN if there is one among them, 0 for trees without leaves."""
    return float(np.max([*relative_errors(actual, expected, negligible).values(), 0.0]))


def assert_close(actual: PyTree, expected: PyTree, tolerance: float, what: str) -> float:
    """AssertionError naming each leaf that differs by more than `tolerance`, relative to its largest value."""
    errors = relative_errors(actual, expected)
    wrong = {path: error for path, error in errors.items() if not error <= tolerance}
    if wrong:
        listed = ", ".join(f"{path or 'the only leaf'}: {error:.2e}" for path, error in wrong.items())
        raise AssertionError(f"{what}: relative error above {tolerance:.0e} in {listed}")
    return max(errors.values(), default=0.0)


def assert_same_types(actual: PyTree, expected: PyTree, what: str) -> None:
    """AssertionError unless both have the same structure and, leaf by leaf, the same shape and dtype.

    `None` in `actual` stands for a whole subtree of `expected`.
    """

    def check(path, left, right) -> None:
        if left is None:
            return
        where = f"{what}{jax.tree_util.keystr(path)}"
        if not hasattr(right, "dtype"):
            raise AssertionError(f"{where}: an array where the primal has {jax.tree.structure(right)}")
        if not is_differentiable(right):
            raise AssertionError(f"{where}: a cotangent for {right.dtype}, which has none; it must be None")
        if left.shape != right.shape or left.dtype != right.dtype:
            ours, wanted = (f"{leaf.dtype}{list(leaf.shape)}" for leaf in (left, right))
            raise AssertionError(f"{where}: {ours} where the primal is {wanted}")

    try:
        jax.tree_util.tree_map_with_path(check, actual, expected, is_leaf=lambda node: node is None)
    except ValueError as error:
        structures = f"{jax.tree.structure(actual)} for {jax.tree.structure(expected)}"
        raise AssertionError(f"{what}: the structure is not that of the primal: {structures}") from error


def _leaves(tree: PyTree) -> dict[str, np.ndarray]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): _numeric(leaf) for path, leaf in leaves}


def _numeric(leaf: jax.Array) -> np.ndarray:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf).astype(np.complex128 if jnp.iscomplexobj(leaf) else np.float64)


def _size(leaf: np.ndarray) -> float:
    return float(np.max(np.abs(leaf), initial=0.0))


def _relative_error(actual: np.ndarray, expected: np.ndarray, least: float) -> float:
    if actual.shape != expected.shape:
        return np.inf
    if not actual.size:
        return 0.0
    with np.errstate(invalid="ignore"):  # equal infinities do not differ, though inf - inf is no number
        difference = np.where(actual == expected, 0.0, np.abs(actual - expected))
    return float(np.max(difference)) / max(_size(expected), least)
