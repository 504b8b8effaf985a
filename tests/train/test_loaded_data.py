import os
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.data import Records, write_records
from backprop_jax.train import Checkpoints, Fit, LoadedData, LoadedEpoch, Progress, fit, make_step, start
from tests.train.tiny import BATCH_SIZE, OBJECTIVE, OPTIMIZER, clouds

DATA = clouds()
TRAIN, HELD_OUT = (list(zip(part.x, part.y, strict=True)) for part in (DATA.train, DATA.validation))
EXAMPLE = Path(__file__).parents[2] / "examples" / "larger_than_memory.py"


def fresh():
    return start(OBJECTIVE, OPTIMIZER, jax.random.key(0), next(LoadedData(TRAIN, HELD_OUT, BATCH_SIZE).batches(1)))


def run(data: LoadedData, epochs: int = 4, **options) -> Fit[LoadedEpoch]:
    return fit(OBJECTIVE, OPTIMIZER, fresh(), data, epochs=epochs, **options)


def without_speed(history: tuple[LoadedEpoch, ...]) -> list[LoadedEpoch]:
    return [row._replace(examples_per_second=0) for row in history]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("records")
    for name, part in {"train": TRAIN, "validation": HELD_OUT}.items():
        write_records(made / name, part, shard_size=32)
    return made


def records(folder: Path, **options) -> LoadedData:
    return LoadedData(Records(folder / "train"), Records(folder / "validation"), BATCH_SIZE, **options)


def test_it_trains_on_the_batches_of_each_epoch(folder: Path) -> None:
    data, step, training, losses = records(folder, seed=3), make_step(OBJECTIVE, OPTIMIZER), fresh(), []
    for epoch in (1, 2):
        for batch in data.batches(epoch):
            training, loss = step(training, batch)
            losses.append(float(loss))
    result = run(data, epochs=2)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), result.training.params, training.params
    )
    steps = len(TRAIN) // BATCH_SIZE
    assert [(row.epoch, row.step) for row in result.history] == [(1, steps), (2, 2 * steps)]
    np.testing.assert_allclose(
        [row.train_loss for row in result.history], np.reshape(losses, (2, -1)).mean(1), rtol=1e-5
    )
    # All of the validation part, the incomplete last batch too, in eval mode, against one batch of all.
    model, x, y = bp.eval_mode(OBJECTIVE), np.stack([x for x, _ in HELD_OUT]), np.stack([y for _, y in HELD_OUT])
    assert len(HELD_OUT) % BATCH_SIZE
    expected, _, _ = model.forward(result.training.params, result.training.state, (x, y))
    assert result.history[-1].validation_loss == pytest.approx(float(expected), rel=1e-5)
    assert result.history[-1].examples_per_second > 0 and list(result.history[-1].gradient_norms) == ["1", "4"]


def test_it_learns_and_goes_on_bit_for_bit(folder: Path, tmp_path: Path) -> None:
    whole = run(records(folder))
    assert whole.history[-1].validation_loss < 0.5 * whole.history[0].validation_loss

    def interrupt(progress: Progress) -> None:
        if progress.step > 40:  # in the middle of an epoch
            raise KeyboardInterrupt

    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        first = run(records(folder), checkpoints=checkpoints, on_progress=interrupt)
        assert first.interrupted and 0 < len(first.history) < 4
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        rest = run(records(folder), checkpoints=checkpoints, resume=True)
    assert without_speed(rest.history) == without_speed(whole.history)
    jax.tree.map(np.testing.assert_array_equal, rest.training.params, whole.training.params)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints, pytest.raises(ValueError, match="train"):
        run(LoadedData(TRAIN, HELD_OUT, BATCH_SIZE), checkpoints=checkpoints, resume=True)


def test_identities_tell_data_apart(folder: Path) -> None:
    alike = [records(folder).identity(), records(folder).identity()]
    others = [
        records(folder, seed=1).identity(),
        LoadedData(TRAIN, HELD_OUT, BATCH_SIZE).identity(),
        LoadedData(TRAIN[:-1], HELD_OUT, BATCH_SIZE).identity(),
        LoadedData([*TRAIN[:-1], HELD_OUT[0]], HELD_OUT, BATCH_SIZE).identity(),
    ]
    assert alike[0] == alike[1]
    assert len({str(identity) for identity in [alike[0], *others]}) == 5


def test_a_starved_device_shows() -> None:
    def slow(example: tuple) -> tuple:
        time.sleep(0.002)
        return example

    waiting: list[float] = []
    run(
        LoadedData(TRAIN, HELD_OUT, BATCH_SIZE, map=slow),
        epochs=1,
        on_progress=lambda told: waiting.append(told.waiting),
    )
    assert np.median(waiting) > 0.5


def test_a_record_that_is_no_number_ends_the_training(folder: Path, tmp_path: Path) -> None:
    write_records(tmp_path / "train", TRAIN, shard_size=32)
    shard = np.load(tmp_path / "train" / "x-00003.npy", mmap_mode="r+")
    shard[5, 0, 1] = np.nan
    shard.flush()
    data = LoadedData(Records(tmp_path / "train"), Records(folder / "validation"), 1)
    with pytest.raises(ValueError, match=r"x-00003\.npy holds nan in row 5, which is example 101"):
        run(data, epochs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], HELD_OUT, 8), r"\[\] has no examples"),
        ((TRAIN, [], 8), r"\[\] has no examples"),
        ((TRAIN[:7], HELD_OUT, 8), "a batch of 8 is larger than"),
        ((TRAIN, HELD_OUT, 0), "a batch has 1 example or more"),
        (
            (TRAIN, [(np.zeros((2, 3), np.float32), np.int32(0))], 8),
            r"of the form \('float32\[2, 2\]', 'int32\[\]'\), and those for validation \('float32\[2, 3\]'",
        ),
    ],
)
def test_what_it_does_not_take(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LoadedData(*arguments)


def test_what_it_does_not_take_either() -> None:
    with pytest.raises(ValueError, match="prefetching takes a whole number of 1 batch or more"):
        LoadedData(TRAIN, HELD_OUT, 8, prefetch=0)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("LARGE_DATA"), reason="writes 4 GiB and takes minutes: set LARGE_DATA=1")
def test_4_gib_in_1_gib(tmp_path: Path) -> None:
    """The short form is in tests/test_examples.py."""
    large = [sys.executable, str(EXAMPLE), "--mebibytes", "4096", "--limit", "1024", "--folder", str(tmp_path)]
    done = subprocess.run(large, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
