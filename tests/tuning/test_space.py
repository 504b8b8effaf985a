"""What is tried."""

import numpy as np
import pytest

from backprop_jax import tuning


def test_a_grid_is_every_combination() -> None:
    assert tuning.grid(learning_rate=(1, 2), decay=(3, 4)) == [
        {"learning_rate": 1, "decay": 3},
        {"learning_rate": 1, "decay": 4},
        {"learning_rate": 2, "decay": 3},
        {"learning_rate": 2, "decay": 4},
    ]


def test_values_are_spread_as_the_axes_say() -> None:
    space = {"a": tuning.Uniform(-1, 3), "b": tuning.LogUniform(1e-4, 1), "c": tuning.OneOf((1.0, 5.0))}
    trials = tuning.draw(space, 4000, seed=1)
    a, b, c = (np.array([trial[name] for trial in trials]) for name in space)
    assert a.min() >= -1 and a.max() < 3 and abs(a.mean() - 1) < 0.1
    assert b.min() >= 1e-4 and b.max() < 1 and abs(np.log10(b).mean() + 2) < 0.1  # the middle of the decades
    assert set(c) == {1.0, 5.0} and abs((c == 5).mean() - 0.5) < 0.05
    assert abs(np.corrcoef(a, np.log(b))[0, 1]) < 0.05


def test_a_seed_tells_the_trials() -> None:
    space = {"a": tuning.Uniform(0, 1)}
    assert tuning.draw(space, 3, seed=1) == tuning.draw(space, 3, seed=1) != tuning.draw(space, 3, seed=2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tuning.Uniform(1, 1), "low < high, not 1 and 1"),
        (lambda: tuning.LogUniform(0, 1), "0 < low < high, not 0 and 1"),
        (lambda: tuning.OneOf(()), "needs a value"),
        (lambda: tuning.grid(), "some values of each"),
        (lambda: tuning.grid(a=()), "some values of each"),
        (lambda: tuning.grid(a=1.0), "some values of each"),
        (lambda: tuning.draw({}, 1), "needs an axis"),
        (lambda: tuning.draw({"a": tuning.Uniform(0, 1)}, 0), "a count of 1 or more.* 0"),
    ],
)
def test_nothing_to_try_is_refused(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_an_axis_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="'a' must be OneOf"):
        tuning.draw({"a": (1, 2)}, 1)
