import os
import signal
from functools import partial
from itertools import islice
from pathlib import Path

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.data import random_windows
from backprop_jax.harvest import read_replay
from backprop_jax.models import LanguageModelLoss, gpt
from backprop_jax.train import Fit, Progress, TextEpoch, TextWindows, fit, make_step, start, window_loss

ROWS, LENGTH = 4, 6
OBJECTIVE = LanguageModelLoss(gpt(4, LENGTH, 8, 1, 2), bp.losses.LinearCrossEntropy(4))
OPTIMIZER = bp.optim.sgd(0.1)
TEXT = np.array([0, 1, 2, 3] * 30)
HELD_OUT = np.array([2, 3, 0, 1] * 4)


def fresh(optimizer=OPTIMIZER):
    batch = np.zeros((ROWS, LENGTH), np.int32), np.zeros((ROWS, LENGTH), np.int32)
    return start(OBJECTIVE, optimizer, jax.random.key(0), batch)


def run(
    train: np.ndarray = TEXT, held_out: np.ndarray = HELD_OUT, optimizer=OPTIMIZER, epochs=3, steps=2, **options
) -> Fit[TextEpoch]:
    data = TextWindows(train, held_out, ROWS, LENGTH, steps, seed=5)
    return fit(OBJECTIVE, optimizer, fresh(optimizer), data, epochs=epochs, **options)


def test_each_epoch_takes_its_steps_on_windows_by_the_seed() -> None:
    step, training, losses = make_step(OBJECTIVE, OPTIMIZER), fresh(), []
    seen = []
    for epoch in (1, 2, 3):
        for batch in islice(random_windows(TEXT, ROWS, LENGTH, (5, epoch)), 2):
            training, loss = step(training, batch)
            losses.append(float(loss))
    result = run(on_epoch=lambda row, training: seen.append((row, jax.device_get(training.params))))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), result.training.params, training.params)
    assert [(row.epoch, row.step) for row in result.history] == [(1, 2), (2, 4), (3, 6)]
    means = np.mean(np.reshape(losses, (3, 2)), axis=1)
    np.testing.assert_allclose([row.train_loss for row in result.history], means, rtol=1e-6)
    assert tuple(row for row, _ in seen) == result.history
    for row, params in seen:
        assert row.validation_loss == window_loss(OBJECTIVE, params, HELD_OUT, LENGTH)
    assert {"embedding", "body/h/attn/mix/c_proj"} <= set(result.history[0].gradient_norms)


def test_a_step_that_goes_wrong_names_the_layer_and_is_written(tmp_path: Path) -> None:
    training, file = fresh(), tmp_path / "step"
    scale = training.params["body"]["ln_f"]["scale"]
    training.params["body"]["ln_f"]["scale"] = scale.at[2].set(np.inf)
    data = TextWindows(TEXT, HELD_OUT, ROWS, LENGTH, 3, seed=5)
    with pytest.raises(FloatingPointError, match=r"the loss became nan at step 1: .*not finite: body/ln_f, forward"):
        fit(OBJECTIVE, OPTIMIZER, training, data, epochs=1, replay=file)
    step = read_replay(file)
    assert step.objective == OBJECTIVE and np.isinf(step.params["body"]["ln_f"]["scale"][2])
    jax.tree.map(np.testing.assert_array_equal, step.batch, next(random_windows(TEXT, ROWS, LENGTH, (5, 1))))


def test_it_learns() -> None:
    result = run(steps=5, epochs=9, optimizer=bp.optim.adam(0.02))
    assert result.history[-1].validation_loss < 0.3 < result.history[0].validation_loss


def test_an_interrupt_keeps_what_is_learned() -> None:
    def interrupt(progress: Progress) -> None:
        assert (progress.epochs, progress.steps) == (2, 60)
        os.kill(os.getpid(), signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = run(steps=30, epochs=2, on_progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert (result.interrupted, result.history) == (signal.SIGINT, ())


@pytest.mark.parametrize(
    ("train", "held_out", "options", "message"),
    [
        (TEXT[:6], HELD_OUT, {}, "a text of 6 tokens is too short for 6 steps, which take 7"),
        (TEXT, HELD_OUT[:1], {}, "a text of 1 tokens is too short"),
        (TEXT + 1, HELD_OUT, {}, r"token 4 at \[3\]"),
        (TEXT, HELD_OUT - 1, {}, r"token -1 at \[2\]"),
        (TEXT, HELD_OUT, {"steps": 0}, "an epoch has 1 step or more, not 0"),
    ],
)
def test_what_it_does_not_take(train: np.ndarray, held_out: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(train, held_out, **options)
