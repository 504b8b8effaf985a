from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.optim import GaLoreDimensionNumbers, MaskedNode, MuonDimensionNumbers
from backprop_jax.optim.directions.matrix_axes import matrix_axes, numbers_by_leaf


@pytest.mark.parametrize(
    ("shape", "rows", "columns", "letters", "matrices"),
    [
        ((2, 3), 0, 1, "ab->ab", (2, 3)),
        ((2, 3), -1, 0, "ab->ba", (3, 2)),
        ((2, 3, 4), 0, -1, "abc->bac", (3, 2, 4)),
        ((2, 3, 4, 5), 2, 3, "abcd->abcd", (2, 3, 4, 5)),
        ((2, 3, 4, 5), (2, 0), (3,), "abcd->bcad", (3, 8, 5)),
        ((2, 3, 4), (), (0, 1, 2), "abc->abc", (1, 24)),
    ],
)
def test_there_and_back(shape: Any, rows: Any, columns: Any, letters: str, matrices: Any) -> None:
    x = np.arange(np.prod(shape)).reshape(shape)
    axes = matrix_axes(shape, MuonDimensionNumbers(rows, columns), "x")
    stacked = axes.to_matrices(jnp.asarray(x))
    np.testing.assert_array_equal(stacked, np.einsum(letters, x).reshape(matrices))
    assert axes.matrix_shape(shape) == matrices[-2:]
    np.testing.assert_array_equal(axes.from_matrices(stacked, shape), x)


@pytest.mark.parametrize(
    ("shape", "numbers", "message"),
    [
        ((3,), MuonDimensionNumbers(), "x has shape \\(3,\\), which has not the axes of MuonDimensionNumbers"),
        ((3, 4), GaLoreDimensionNumbers(0, 2), "which has not the axes of GaLoreDimensionNumbers"),
        ((3, 4), MuonDimensionNumbers(0, (1, -2)), "names an axis twice"),
    ],
)
def test_numbers_that_do_not_fit(shape: tuple[int, ...], numbers: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        matrix_axes(shape, numbers, "x")


ONE, OTHER = MuonDimensionNumbers(), MuonDimensionNumbers(1, 2)
TREE = {"a": [jnp.ones(2), None], "b": {"c": jnp.ones(3), "d": MaskedNode()}}


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        (None, [None, None, None]),
        (ONE, [ONE, ONE, ONE]),
        ({"a": ONE, "b": None}, [ONE, ONE, None]),
        ({"a": None, "b": {"c": OTHER, "d": ONE}}, [None, None, OTHER]),
        (lambda tree: jax.tree.map(lambda leaf: OTHER if leaf.size == 3 else None, tree), [None, None, OTHER]),
    ],
)
def test_numbers_are_those_of_a_prefix(numbers: Any, expected: list[Any]) -> None:
    names, _, found = zip(*numbers_by_leaf(numbers, TREE), strict=True)
    assert names == ("['a'][0]", "['a'][1]", "['b']['c']") and list(found) == expected


def test_numbers_of_a_whole_tree_where_an_update_is_none() -> None:
    [(_, leaf, _), (_, _, own)] = numbers_by_leaf(
        {"a": {"x": ONE, "y": None}, "b": OTHER}, {"a": None, "b": jnp.ones(1)}
    )
    assert leaf is None and own == OTHER


@pytest.mark.parametrize(
    ("numbers", "message"),
    [({"a": ONE}, "do not fit; give some, or None"), ((0, 1), "do not fit"), ({"a": ONE, "b": 3}, "3 is neither")],
)
def test_wrong_trees_are_named(numbers: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        numbers_by_leaf(numbers, {"a": jnp.ones(2), "b": jnp.ones(3)})
