"""The rate at which the loss falls fastest, and the end of the test."""

import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses, optim, tuning
from backprop_jax.tuning.learning_rate_range import _judge
from tests.tuning.parabola import OBJECTIVE, batches, first_weight


def test_each_step_has_its_rate() -> None:
    found = tuning.learning_rate_range(OBJECTIVE, optim.sgd(1.0), batches(), low=1e-3, high=100, steps=40)
    rates = np.geomspace(1e-3, 100, 40)
    weight, mean, means, expected = first_weight(0), 0.0, [], []
    for step, rate in enumerate(rates):
        expected.append(weight**2)
        mean = np.mean(expected) if step < 10 else 0.9 * mean + 0.1 * weight**2
        means.append(mean)
        weight *= 1 - 2 * rate
    end = next(k for k in range(40) if means[k] > 4 * min(means[: k + 1]))
    assert len(found.losses) == end < 40
    np.testing.assert_allclose(found.learning_rates, rates[:end], rtol=1e-6)
    np.testing.assert_allclose(found.losses, expected[:end], rtol=1e-3, atol=1e-9)
    steepest = np.diff(expected[:end]).argmin()  # the smoothing bell is one step wide here
    assert rates[steepest - 2] <= found.suggestion <= rates[steepest + 3]
    assert expected[0] > found.smoothed[1] > found.smoothed.min() > 0


def test_smoothing_neither_shifts_nor_scales() -> None:
    rates, line = np.geomspace(1e-3, 1, 200), np.linspace(3, 1, 200)
    noisy = line + 0.1 * (-1) ** np.arange(200)
    smoothed = _judge(rates, noisy).smoothed
    np.testing.assert_allclose(smoothed[20:-20], line[20:-20], atol=0.003)


@pytest.mark.parametrize("change", [{"low": 0}, {"low": 2, "high": 1}, {"steps": 9}])
def test_a_bad_range_is_refused(change: dict) -> None:
    with pytest.raises(ValueError, match="0 < low < high and 10 steps"):
        tuning.learning_rate_range(OBJECTIVE, optim.sgd(1.0), batches(), **change)


def test_an_optimizer_without_a_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="no learning_rate"):
        tuning.learning_rate_range(OBJECTIVE, optim.set_to_zero(), batches())


def test_a_loss_that_never_falls_is_said() -> None:
    objective = bp.supervised(bp.stop_gradient(bp.Dense(1)), losses.MeanSquaredError())
    with pytest.raises(ValueError, match="falls at no learning rate"):
        tuning.learning_rate_range(objective, optim.sgd(1.0), batches(), steps=10)
