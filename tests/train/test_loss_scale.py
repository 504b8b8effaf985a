"""The scale goes down where gradients overflow, and up again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses, optim, train


def test_the_scale_is_halved_by_an_overflow_and_doubled_by_good_steps() -> None:
    objective = bp.supervised(
        bp.loss_scaled(bp.cast(bp.Dense(1), jnp.float16), 2.0**16, growth_interval=3), losses.MeanSquaredError()
    )
    batch = np.full((2, 3), 2.0, np.float32), np.zeros((2, 1), np.float32)
    optimizer = optim.apply_if_finite(optim.sgd(1e-3), 20)
    training = train.start(objective, optimizer, jax.random.key(0), batch)
    step = train.make_step(objective, optimizer, differentiate=train.scaled_value_and_grad)
    scales, moved = [], []
    for _ in range(9):
        before = np.asarray(training.params["w"])
        training, _ = step(training, batch)
        scales.append(np.log2(training.state.scale))
        moved.append(bool((training.params["w"] != before).any()))
    # dy is y, of size 1 or so, times 2^16 too large for float16 at first.
    first = moved.index(True)
    assert first >= 1 and scales[:first] == [15 - step for step in range(first)] and not any(moved[:first])
    assert all(moved[first : first + 3])
    assert scales[first : first + 3] == [scales[first - 1]] * 2 + [scales[first - 1] + 1]


def test_it_trains_as_float32_does() -> None:
    random = np.random.default_rng(0)
    batch = random.normal(size=(16, 4)).astype(np.float32), random.integers(0, 3, 16)
    results = []
    for model, differentiate in (
        (bp.Dense(3), bp.value_and_grad),
        (bp.loss_scaled(bp.cast(bp.Dense(3), jnp.float16)), train.scaled_value_and_grad),
    ):
        objective = bp.supervised(model, losses.CrossEntropy())
        training = train.start(objective, optim.sgd(0.5), jax.random.key(0), batch)
        step = train.make_step(objective, optim.sgd(0.5), differentiate=differentiate)
        for _ in range(20):
            training, loss = step(training, batch)
        results.append(float(loss))
    assert results[1] == pytest.approx(results[0], rel=2e-3)


def test_an_objective_without_a_scale_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one loss_scaled\(model\), and .* has 0"):
        train.scaled_value_and_grad(bp.supervised(bp.Dense(1), losses.MeanSquaredError()))
