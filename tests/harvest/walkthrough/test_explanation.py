"""The table: how its cells read, and what its totals are."""

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest import Explanation, LayerExplanation, ParameterExplanation
from backprop_jax.harvest.walkthrough.explanation import difference, number, rows, shapes


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (np.array([]), ""),
        (0.0, "0"),
        (np.array([1.5, 1.5001]), "1.5"),
        (np.array([2e-5, 30]), "2e-05..30"),
    ],
)
def test_numbers(value, text) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, ""), (0.0, "0"), (3.4e-16, "3e-16"), (0.5, "5e-01")])
def test_differences(value, text) -> None:
    assert difference(value) == text


def test_totals_are_those_of_the_layers() -> None:
    float32 = jax.ShapeDtypeStruct((4, 3), np.float32)
    w = ParameterExplanation("a/w", (2, 3), "float32", np.array(1.0), np.array(3.0), 1e-9)
    b = ParameterExplanation("a/b", (3,), "float32", np.array(1.0), np.array(4.0), 2e-9)
    count = ParameterExplanation("a/count", (), "int32", np.array(1.0), None, None)
    dense = LayerExplanation("a", bp.Dense(3), float32, 32, None, None, (w, b, count))
    empty = LayerExplanation("", bp.ReLU(), float32, 12, None, None, ())
    found = Explanation(bp.Dense(3), (float32, None), 1.25, 5.0, 40, (dense, empty))
    assert dense.gradient_norm == 5 and dense.from_jax_grad == found.from_jax_grad == 2e-9
    assert empty.gradient_norm is None and empty.from_jax_grad is None
    assert shapes({"x": float32, "y": float32}) == "float32[4, 3], float32[4, 3]"
    assert rows(found) == [
        ("a", "Dense", "float32[4, 3]", "10", "32", "", "", "5", "2e-09"),
        (".", "ReLU", "float32[4, 3]", "0", "12", "", "", "", ""),
        ("total", "", "", "10", "40", "", "", "5", "2e-09"),
    ]
    headline, *table = str(found).splitlines()
    assert headline == "value 1.25, gradient 5, on a batch of float32[4, 3]"
    assert table[0].startswith("path   layer  output") and {len(line) for line in table[1::2]} <= {len(table[0])}
