import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.data.finite_rows import first_not_finite


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64])
def test_the_first_row(value: float, dtype: type) -> None:
    rows = np.zeros((4, 3), dtype)
    rows[2, 1] = rows[3, 0] = value
    row, found = first_not_finite(rows) or (None, None)
    assert row == 2
    np.testing.assert_equal(found, dtype(value))


@pytest.mark.parametrize(
    "rows", [np.zeros((0, 3)), np.arange(5), np.full(100, 6e4, np.float16), np.array([True]), np.full(3, 1e308)]
)
def test_all_is_finite(rows: np.ndarray) -> None:
    assert first_not_finite(rows) is None


def test_infinities_of_both_signs() -> None:
    row, _ = first_not_finite(np.array([0, np.inf, -np.inf])) or (None, None)
    assert row == 1


def test_bfloat16_is_looked_at_too() -> None:
    found = first_not_finite(np.asarray(jnp.array([[1, 2], [1, jnp.nan]], jnp.bfloat16)))
    assert found is not None and found[0] == 1
