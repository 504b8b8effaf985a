"""The best go on."""

import numpy as np
import pytest

from backprop_jax import optim, tuning
from tests.tuning.parabola import OBJECTIVE, batches, loss_after

RATES = np.linspace(0.05, 0.45, 9)


def test_a_third_goes_on_three_times_as_long() -> None:
    told = []
    found = tuning.successive_halving(
        OBJECTIVE,
        optim.sgd(1.0),
        tuning.grid(learning_rate=RATES[::-1]),
        batches(),
        lambda params, state: params["w"][0, 0] ** 2,
        steps=2,
        on_rung=told.append,
    )
    assert [(rung.steps, rung.trials.tolist()) for rung in found.rungs] == [
        (2, [*range(9)]),
        (6, [0, 1, 2]),
        (18, [0]),
    ]
    np.testing.assert_allclose(found.rungs[0].scores, [loss_after(rate, 2) for rate in RATES[::-1]], rtol=1e-4)
    np.testing.assert_allclose(
        found.rungs[1].scores, [loss_after(rate, 6) for rate in RATES[:5:-1]], rtol=1e-4, atol=1e-9
    )
    assert found.best == {"learning_rate": RATES[-1]} and told == list(found.rungs)
    assert float(found.training.params["w"][0, 0]) ** 2 == found.rungs[-1].scores[0]


def test_bad_input_is_refused() -> None:
    for change in ({"steps": 0}, {"eta": 1}):
        with pytest.raises(ValueError, match="steps of 1 or more and eta of 2"):
            tuning.successive_halving(
                OBJECTIVE, optim.sgd(1.0), [{}], batches(), lambda params, state: 0.0, **{"steps": 1} | change
            )
