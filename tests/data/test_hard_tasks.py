from collections.abc import Callable

import numpy as np
import pytest

from backprop_jax.data import narrow_valley, rare_words


def test_words_are_as_rare_as_said() -> None:
    x, y = rare_words(20_000, seed=0, words=50)
    assert x.dtype == np.float32
    assert set(np.unique(x)) == {0, 1}
    np.testing.assert_allclose(x.mean(0), 2 / np.arange(2, 52), atol=0.012)  # three standard errors
    assert y.dtype == np.int32
    assert set(np.unique(y)) == {0, 1}


def test_the_class_depends_on_the_words() -> None:
    x, y = rare_words(20_000, seed=0, words=6)
    design = np.c_[x, np.ones(len(x))]
    weights = np.linalg.lstsq(design, y, rcond=None)[0]
    assert np.mean((design @ weights > 0.5) == y) > np.mean(y == np.round(y.mean())) + 0.03


def test_the_curvatures_of_the_valley() -> None:
    x, y = narrow_valley(40_000, seed=0, features=8, condition=100)
    assert x.dtype == y.dtype == np.float32
    values, directions = np.linalg.eigh(x.T.astype(float) @ x / len(x))
    np.testing.assert_allclose(values[::-1], np.geomspace(1, 0.01, 8), rtol=0.05)
    assert np.abs(directions).max() < 0.999  # not along the axes
    weights, error, *_ = np.linalg.lstsq(x.astype(float), y, rcond=None)
    assert error.item() < 1e-6
    # Each direction carries the same part of y, whose variance is 1.
    np.testing.assert_allclose(np.square(directions.T @ weights)[:, 0] * values, 1 / 8, rtol=0.1)
    assert y.var() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("task", [rare_words, narrow_valley])
def test_a_seed_repeats_its_examples(task: Callable[..., tuple[np.ndarray, np.ndarray]]) -> None:
    for first, again, other in zip(task(20, seed=1), task(20, seed=1), task(20, seed=2), strict=True):
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_what_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="not 0 of 400"):
        rare_words(0, seed=0)
    with pytest.raises(ValueError, match=r"not 5, 2 and 0\.5"):
        narrow_valley(5, seed=0, features=2, condition=0.5)
