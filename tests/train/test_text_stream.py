import os
import signal
from pathlib import Path

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.data import stream_batches
from backprop_jax.harvest import read_replay
from backprop_jax.models import char_lm
from backprop_jax.train import Fit, Progress, TextEpoch, TextStream, fit, make_step, start

ROWS, STEPS, BATCHES = 4, 5, 3
OBJECTIVE = bp.supervised(char_lm(4, width=3, features=6), bp.losses.CrossEntropy())
OPTIMIZER = bp.optim.sgd(0.1)
TEXT = np.random.default_rng(0).integers(0, 4, ROWS * STEPS * BATCHES + 1)
HELD_OUT = np.array([0, 1, 2, 3] * 5)


def fresh(optimizer=OPTIMIZER):
    batch = np.zeros((ROWS, STEPS), int), np.zeros((ROWS, STEPS), int)
    return start(OBJECTIVE, optimizer, jax.random.key(0), batch)


def run(
    train: np.ndarray = TEXT, held_out: np.ndarray = HELD_OUT, epochs: int = 2, seed: int = 0, **options
) -> Fit[TextEpoch]:
    return fit(OBJECTIVE, OPTIMIZER, fresh(), TextStream(train, held_out, ROWS, STEPS, seed), epochs=epochs, **options)


def test_the_state_goes_from_batch_to_batch_and_is_new_in_each_pass() -> None:
    step, training, losses = make_step(OBJECTIVE, OPTIMIZER), fresh(), []
    rows = TEXT[:-1].reshape(ROWS, -1), TEXT[1:].reshape(ROWS, -1)
    for _ in range(2):
        training = training._replace(state=jax.tree.map(np.zeros_like, training.state))
        for begin in range(0, STEPS * BATCHES, STEPS):
            training, loss = step(training, tuple(part[:, begin : begin + STEPS] for part in rows))
            losses.append(float(loss))
    result = run()
    jax.tree.map(np.testing.assert_array_equal, result.training.params, training.params)
    np.testing.assert_allclose(
        [row.train_loss for row in result.history], np.reshape(losses, (2, 3)).mean(1), rtol=1e-6
    )
    assert [(row.epoch, row.step) for row in result.history] == [(1, 3), (2, 6)]
    assert list(result.history[0].gradient_norms) == ["embedding", "recurrent1", "readout"]


def test_a_step_that_goes_wrong_names_the_layer_and_is_written(tmp_path: Path) -> None:
    training, file = fresh(), tmp_path / "step"
    training.params["readout"]["b"] = training.params["readout"]["b"].at[1].set(np.nan)
    data = TextStream(TEXT, HELD_OUT, ROWS, STEPS)
    with pytest.raises(FloatingPointError, match=r"the loss became nan at step 1: .*not finite: readout, forward"):
        fit(OBJECTIVE, OPTIMIZER, training, data, epochs=1, replay=file)
    step = read_replay(file)
    assert step.objective == OBJECTIVE and np.isnan(step.params["readout"]["b"]).sum() == 1
    np.testing.assert_array_equal(step.batch[0], TEXT[:-1].reshape(ROWS, -1)[:, :STEPS])


def test_a_longer_text_is_cut_elsewhere_in_each_pass_by_the_seed() -> None:
    longer = np.concatenate([TEXT, TEXT[1:16]])
    first, again, *others = (run(longer, seed=seed) for seed in (0, 0, 1, 2, 3))
    assert first.history[-1].step == 6
    jax.tree.map(np.testing.assert_array_equal, first.training.params, again.training.params)
    assert len({result.history[0].train_loss for result in (first, *others)}) > 1


def test_each_pass_cuts_a_longer_text_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, longer = [], np.concatenate([TEXT, TEXT[1:16]])

    def spy(tokens: np.ndarray, size: int, steps: int):
        if (size, steps) == (ROWS, STEPS):
            begun.append(len(longer) - len(tokens))
        return stream_batches(tokens, size, steps)

    monkeypatch.setattr("backprop_jax.train.text_stream.stream_batches", spy)
    run(longer, epochs=6)
    assert len(set(begun)) > 3
    assert set(begun) <= set(range(16))  # what a pass leaves out, so that all have as many batches


def test_it_learns_and_hands_out_the_parameters() -> None:
    text, seen = np.array([0, 1, 2, 3] * 30), []
    optimizer = bp.optim.adam(0.05)
    result = fit(
        OBJECTIVE,
        optimizer,
        fresh(optimizer),
        TextStream(text, HELD_OUT, ROWS, STEPS),
        epochs=10,
        on_epoch=lambda row, training: seen.append((row, jax.device_get(training.params))),
    )
    assert result.history[-1].validation_loss < 0.3 < result.history[0].validation_loss
    assert tuple(row for row, _ in seen) == result.history
    jax.tree.map(np.testing.assert_array_equal, seen[-1][1], result.training.params)


def test_an_interrupt_keeps_what_is_learned() -> None:
    def interrupt(progress: Progress) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = run(np.tile(TEXT, 6), on_progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert (result.interrupted, result.history) == (signal.SIGINT, ())
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.training.params))


def test_what_it_does_not_take() -> None:
    with pytest.raises(ValueError, match="20 tokens is too short for 4 rows of 5 steps"):
        run(TEXT[:20])
    with pytest.raises(ValueError, match="0 epochs or more, not -1"):
        run(epochs=-1)
    with pytest.raises(ValueError, match="a text of 1 tokens is too short"):
        run(held_out=HELD_OUT[:1])


def test_a_token_that_the_model_does_not_know_is_refused_before_any_step() -> None:
    unknown = TEXT.copy()
    unknown[-1] = 4
    no_step = {"on_progress": lambda progress: pytest.fail("a step was taken")}
    with pytest.raises(ValueError, match=r"\b4\b"):
        run(unknown, **no_step)
    with pytest.raises(ValueError, match=r"-1\b"):
        run(held_out=np.array([0, -1, 2]), **no_step)
