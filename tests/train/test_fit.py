import os
import signal
from itertools import islice
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.data import Examples, batches
from backprop_jax.data.augmentation import compose, cutout, random_flip, soft_labels
from backprop_jax.harvest import read_replay
from backprop_jax.train import Epoch, Fit, Labelled, Progress, Training, evaluate, fit, gradient_norms, make_step, start
from backprop_jax.train.step import _step
from tests.train.tiny import BATCH_SIZE, OBJECTIVE, OPTIMIZER, clouds, fresh

DATA = clouds()


def run(epochs: int = 6, seed: int = 0, **options) -> Fit:
    data = Labelled(DATA.train, DATA.validation, BATCH_SIZE, seed)
    return fit(OBJECTIVE, OPTIMIZER, fresh(seed), data, epochs=epochs, **options)


def without_speed(history: tuple[Epoch, ...]) -> list[Epoch]:
    return [row._replace(images_per_second=0) for row in history]


@pytest.fixture(scope="module")
def trained() -> Fit:
    return run()


def test_it_learns_and_tells_how(trained: Fit) -> None:
    last = trained.history[-1]
    assert [row.epoch for row in trained.history] == [1, 2, 3, 4, 5, 6]
    assert last.step == 6 * (len(DATA.train) // BATCH_SIZE)
    assert last.train_accuracy > 0.95
    assert last.validation_accuracy > 0.9
    assert last.train_loss < trained.history[0].train_loss
    assert last.images_per_second > 0
    assert list(last.gradient_norms) == ["1", "4"]
    assert min(last.gradient_norms.values()) > 0
    assert not trained.interrupted


def test_the_same_seed_gives_the_same_history(trained: Fit) -> None:
    again, other = run(), run(seed=1)
    assert without_speed(again.history) == without_speed(trained.history)
    assert without_speed(other.history) != without_speed(trained.history)
    jax.tree.map(np.testing.assert_array_equal, again.training.params, trained.training.params)


IMAGES = Examples(DATA.train.x.reshape(-1, 2, 2, 1), DATA.train.y)
AUGMENT = compose(random_flip(0.1), soft_labels(4, 0.1), cutout(1))


def augmented(seed: int = 0) -> Fit:
    return fit(OBJECTIVE, OPTIMIZER, fresh(), Labelled(IMAGES, IMAGES, BATCH_SIZE, seed), epochs=2, augment=AUGMENT)


def test_augmentation_draws_from_the_seed_and_the_step_alone() -> None:
    result = augmented()
    training, step, taken = fresh(), make_step(OBJECTIVE, OPTIMIZER, gradient_norms, augment=AUGMENT), 0
    for epoch in (1, 2):
        for batch in batches(IMAGES, BATCH_SIZE, (0, epoch)):
            taken += 1
            training, _ = step(training, batch, jax.random.fold_in(jax.random.key(0), taken))
    jax.tree.map(np.testing.assert_array_equal, result.training.params, training.params)
    compiled = _step._cache_size()
    assert without_speed(augmented().history) == without_speed(result.history)
    assert without_speed(augmented(seed=1).history) != without_speed(result.history)
    assert _step._cache_size() == compiled


def test_augmentation_is_for_training_alone() -> None:
    result = augmented()
    labels = evaluate(OBJECTIVE, *result.training[:2], IMAGES)
    assert result.history[-1].train_loss == labels.loss


def test_callbacks_see_every_epoch_and_the_way_there() -> None:
    epochs: list[Epoch] = []
    looks: list[Progress] = []
    result = run(epochs=2, on_epoch=lambda row, training: epochs.append(row), on_progress=looks.append)
    assert tuple(epochs) == result.history
    assert [look.step for look in looks] == [16, 17, 17 + 16, 34]
    assert (looks[2].epoch, looks[2].epochs, looks[2].steps) == (2, 2, 34)
    steps = [record for look in looks for record in look.recent]
    assert [record.step for record in steps] == list(range(1, 35))
    assert [look.loss for look in looks] == [steps[look.step - 1].loss for look in looks]
    means = [np.mean([step.gradient_norms["4"] for step in part]) for part in (steps[:17], steps[17:])]
    np.testing.assert_allclose([row.gradient_norms["4"] for row in epochs], means, rtol=1e-12)
    assert all(0 <= look.waiting <= 1 for look in looks)


def test_no_epochs_change_nothing() -> None:
    before = fresh()
    result = fit(OBJECTIVE, OPTIMIZER, before, Labelled(DATA.train, DATA.validation, BATCH_SIZE), epochs=0)
    assert result == Fit(before, (), interrupted=None)


@pytest.mark.parametrize("by_signal", [True, False], ids=["signal", "exception"])
def test_an_interrupt_keeps_what_is_learned(by_signal: bool) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.epoch == 3:
            if by_signal:
                os.kill(os.getpid(), signal.SIGINT)
            else:
                raise KeyboardInterrupt

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = run(on_progress=interrupt)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert result.interrupted
    assert len(result.history) == 2
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.training.params))


def test_an_interrupt_between_epochs_keeps_the_epoch() -> None:
    def interrupt(epoch: Epoch, training: Training) -> None:
        raise KeyboardInterrupt

    result = run(on_epoch=interrupt)
    assert result.interrupted
    assert len(result.history) == 1


def test_divergence_is_an_error_that_names_the_layer(tmp_path: Path) -> None:
    """The first step makes parameters of the size of 1e29, whose products overflow in the second."""
    optimizer, file = bp.optim.sgd(1e30), tmp_path / "step"
    batch = IMAGES.x[:BATCH_SIZE], IMAGES.y[:BATCH_SIZE]
    training = start(OBJECTIVE, optimizer, jax.random.key(0), batch)
    with pytest.raises(FloatingPointError, match=r"the loss became nan at step 2: .*not finite: 4, forward"):
        fit(
            OBJECTIVE,
            optimizer,
            training,
            Labelled(IMAGES, IMAGES, BATCH_SIZE),
            epochs=2,
            augment=compose(random_flip(1.0)),
            replay=file,
        )
    ((x, y),) = islice(batches(IMAGES, BATCH_SIZE, (0, 1)), 1, 2)
    step = read_replay(file)
    np.testing.assert_array_equal(step.batch[0], x[:, :, ::-1])
    np.testing.assert_array_equal(step.batch[1], y)
    assert step.objective == OBJECTIVE and 1e28 < np.abs(step.params[1]["w"]).max() < np.inf


def test_an_interrupt_does_not_hide_divergence() -> None:
    """The step in hand makes the parameters NaN, and its loss is of those before."""

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    optimizer = bp.optim.sgd(lambda step: jnp.where(step < 15, 0.1, jnp.nan))
    batch = DATA.train.x[:BATCH_SIZE], DATA.train.y[:BATCH_SIZE]
    training = start(OBJECTIVE, optimizer, jax.random.key(0), batch)
    with pytest.raises(FloatingPointError, match="parameters became NaN or infinite by step 16"):
        fit(
            OBJECTIVE,
            optimizer,
            training,
            Labelled(DATA.train, DATA.validation, BATCH_SIZE),
            epochs=1,
            on_progress=interrupt,
        )


@pytest.mark.parametrize(
    ("epochs", "batch_size", "message"),
    [(-1, 8, "0 epochs or more"), (1, 1000, "larger than the data set"), (1, 0, "at least one")],
)
def test_bad_numbers_are_refused(epochs: int, batch_size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(OBJECTIVE, OPTIMIZER, fresh(), Labelled(DATA.train, DATA.validation, batch_size), epochs=epochs)
