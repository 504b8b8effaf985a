import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.data import random_windows
from backprop_jax.harvest import read_replay
from backprop_jax.models import LanguageModelLoss, gpt
from backprop_jax.train import Fit, Progress, StreamEpoch, fit_windows, make_step, start, window_loss

ROWS, LENGTH = 4, 6
OBJECTIVE = LanguageModelLoss(gpt(4, LENGTH, 8, 1, 2), bp.losses.LinearCrossEntropy(4))
OPTIMIZER = bp.optim.sgd(0.1)
TEXT = np.array([0, 1, 2, 3] * 30)
HELD_OUT = np.array([2, 3, 0, 1] * 4)


def fresh(optimizer=OPTIMIZER):
    batch = np.zeros((ROWS, LENGTH), np.int32), np.zeros((ROWS, LENGTH), np.int32)
    return start(OBJECTIVE, optimizer, jax.random.key(0), batch)


def run(train: np.ndarray = TEXT, held_out: np.ndarray = HELD_OUT, optimizer=OPTIMIZER, **options) -> Fit[StreamEpoch]:
    sizes: dict[str, Any] = {"steps": 7, "rounds": 3, "batch_size": ROWS, "length": LENGTH, "seed": 5}
    return fit_windows(OBJECTIVE, optimizer, fresh(optimizer), train, held_out, **sizes | options)


def test_it_takes_the_steps_in_rounds_on_windows_by_the_seed() -> None:
    step, training, losses = make_step(OBJECTIVE, OPTIMIZER), fresh(), []
    windows, seen = random_windows(TEXT, ROWS, LENGTH, 5), []
    for _ in range(7):
        training, loss = step(training, next(windows))
        losses.append(float(loss))
    result = run(on_round=lambda row, params: seen.append((row, jax.device_get(params))))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), result.training.params, training.params)
    assert [(row.epoch, row.step) for row in result.history] == [(1, 3), (2, 6), (3, 7)]
    means = [np.mean(part) for part in (losses[:3], losses[3:6], losses[6:])]
    np.testing.assert_allclose([row.train_loss for row in result.history], means, rtol=1e-6)
    assert tuple(row for row, _ in seen) == result.history
    for row, params in seen:
        assert row.validation_loss == window_loss(OBJECTIVE, params, HELD_OUT, LENGTH)
    assert {"embedding", "body/h/attn/mix/c_proj"} <= set(result.history[0].gradient_norms)


def test_a_step_that_goes_wrong_names_the_layer_and_is_written(tmp_path: Path) -> None:
    training, file = fresh(), tmp_path / "step"
    scale = training.params["body"]["ln_f"]["scale"]
    training.params["body"]["ln_f"]["scale"] = scale.at[2].set(np.inf)
    sizes = {"steps": 3, "rounds": 1, "batch_size": ROWS, "length": LENGTH, "seed": 5}
    with pytest.raises(FloatingPointError, match=r"the loss became nan at step 1: .*not finite: body/ln_f, forward"):
        fit_windows(OBJECTIVE, OPTIMIZER, training, TEXT, HELD_OUT, replay=file, **sizes)
    step = read_replay(file)
    assert step.objective == OBJECTIVE and np.isinf(step.params["body"]["ln_f"]["scale"][2])
    jax.tree.map(np.testing.assert_array_equal, step.batch, next(random_windows(TEXT, ROWS, LENGTH, 5)))


def test_it_learns() -> None:
    result = run(steps=45, rounds=9, optimizer=bp.optim.adam(0.02))
    assert result.history[-1].validation_loss < 0.3 < result.history[0].validation_loss


def test_an_interrupt_keeps_what_is_learned() -> None:
    def interrupt(progress: Progress) -> None:
        assert (progress.epochs, progress.steps) == (2, 60)
        os.kill(os.getpid(), signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = run(steps=60, rounds=2, on_progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert (result.interrupted, result.history) == (True, ())


def test_no_steps_change_nothing() -> None:
    before = fresh()
    sizes: dict[str, Any] = {"steps": 0, "rounds": 3, "batch_size": ROWS, "length": LENGTH}
    assert fit_windows(OBJECTIVE, OPTIMIZER, before, TEXT, HELD_OUT, **sizes) == Fit(before, (), interrupted=False)


@pytest.mark.parametrize(
    ("train", "held_out", "options", "message"),
    [
        (TEXT[:6], HELD_OUT, {}, "a text of 6 tokens is too short for 6 steps, which take 7"),
        (TEXT, HELD_OUT[:1], {}, "a text of 1 tokens is too short"),
        (TEXT + 1, HELD_OUT, {}, r"token 4 at \[3\]"),
        (TEXT, HELD_OUT - 1, {}, r"token -1 at \[2\]"),
        (TEXT, HELD_OUT, {"steps": -1}, "0 steps or more and 1 round or more, not -1 and 3"),
        (TEXT, HELD_OUT, {"rounds": 0}, "0 steps or more and 1 round or more, not 7 and 0"),
    ],
)
def test_what_it_does_not_take(train: np.ndarray, held_out: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(train, held_out, **options)
