"""A training that is stopped, in whatever way, goes on as if it had never been."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backprop_jax.train import Checkpoints, Fit, Labelled, OtherTraining, Progress, fit
from tests.train.resumed_runs import EPOCHS, MODELS, checksum, run
from tests.train.tiny import BATCH_SIZE, OBJECTIVE, OPTIMIZER, clouds, fresh

# Killed so often in all, at random moments, the models in turn. `KILLS=20 python -m pytest tests/train/test_resume.py`
KILLS = int(os.environ.get("KILLS", "1"))
ALL = clouds()
DATA = Labelled(ALL.train, ALL.validation, BATCH_SIZE)


class Crash(Exception):
    """What nobody catches."""


def told(result: Fit) -> tuple[str, list[dict[str, Any]]]:
    """All that does not depend on the clock."""
    rows = [row._asdict() for row in result.history]
    return checksum(result.training), [{key: row[key] for key in row if not key.endswith("per_second")} for row in rows]


@pytest.mark.parametrize("name", MODELS)
def test_losses_and_history_are_equal_bit_for_bit(name: str, tmp_path: Path) -> None:
    losses: dict[int, float] = {}

    def compare(progress: Progress) -> None:
        for record in progress.recent:
            assert record.loss == losses.setdefault(record.step, record.loss)

    whole = run(name, str(tmp_path / "whole"), on_progress=compare)
    steps = len(losses)
    for crash in (steps // 5, steps // 2):

        def end(progress: Progress, at: int = crash) -> None:
            compare(progress)
            if progress.step >= at:
                raise Crash

        with pytest.raises(Crash):
            run(name, str(tmp_path / "parts"), on_progress=end)
    first: list[int] = []
    resumed = run(name, str(tmp_path / "parts"), on_progress=lambda p: (compare(p), first.append(p.recent[0].step)))
    assert told(resumed) == told(whole) and len(losses) == steps
    assert first[0] > 1
    again = run(name, str(tmp_path / "parts"), on_progress=lambda _: pytest.fail("a step was taken"))
    assert told(again) == told(whole) and len(whole.history) == EPOCHS


def process(name: str, folder: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.train.resumed_runs", name, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS if len(MODELS) <= KILLS else ["resnet"])
def test_kill_at_random_moments(name: str, tmp_path: Path) -> None:
    with process(name, tmp_path / "whole") as whole:
        assert whole.stdout is not None
        lines = whole.stdout.read().splitlines()
    *steps, end = lines
    expected = dict(line.split() for line in steps)
    draw, seen, begun = random.Random(name), 0, time.monotonic()
    for _ in range(max(KILLS // len(MODELS), 1)):
        with process(name, tmp_path / "parts") as running:
            assert running.stdout is not None
            wanted, found = draw.randint(1, max(len(steps) - seen, 2) // 3 + 1), []
            while len(found) < wanted and (line := running.stdout.readline()):
                found.append(line)
            time.sleep(draw.random() * 0.02)
            os.kill(running.pid, signal.SIGKILL)
            found += running.stdout.read().splitlines()
        assert time.monotonic() - begun < 600
        whole_lines = [
            line.split() for line in found if line.count(" ") == 1 and line.split()[1] == expected.get(line.split()[0])
        ]
        assert len(whole_lines) >= len(found) - 1  # the last may be cut off
        seen = max(seen, *(int(step) for step, _ in whole_lines))
    with process(name, tmp_path / "parts") as last:
        assert last.stdout is not None
        *rest, resumed = last.stdout.read().splitlines()
    assert resumed == end
    assert all(expected[step] == loss for step, loss in (line.split() for line in rest))


def attempt(folder: Path, data: Labelled = DATA, **options: Any) -> Fit:
    with Checkpoints(folder, **options.pop("keeping", {})) as checkpoints:
        return fit(OBJECTIVE, OPTIMIZER, fresh(), data, checkpoints=checkpoints, **options)


def test_more_epochs_go_on_where_fewer_ended_and_other_trainings_are_refused(tmp_path: Path) -> None:
    attempt(tmp_path, epochs=1, resume=True)
    with pytest.raises(OtherTraining, match="up to step 17: go on with resume=True"):
        attempt(tmp_path, epochs=2)
    for other, difference in (
        (
            Labelled(ALL.validation, ALL.validation, BATCH_SIZE),
            r"train x is float32\[20, 2, 2\] .*, and was float32\[140",
        ),
        (Labelled(ALL.train, ALL.validation, 4), "batch_size is 4, and was 8"),
        (Labelled(ALL.train, ALL.validation, BATCH_SIZE, seed=1), "seed is 1, and was 0"),
    ):
        with pytest.raises(OtherTraining, match=difference):
            attempt(tmp_path, other, epochs=2, resume=True)
    with pytest.raises(ValueError, match="to resume takes checkpoints"):
        fit(OBJECTIVE, OPTIMIZER, fresh(), DATA, epochs=1, resume=True)
    longer = attempt(tmp_path, epochs=2, resume=True)
    assert told(longer) == told(fit(OBJECTIVE, OPTIMIZER, fresh(), DATA, epochs=2))


def test_a_damaged_checkpoint_is_told_and_the_one_before_goes_on(tmp_path: Path) -> None:
    whole = attempt(tmp_path, epochs=3, resume=True, keeping={"every_seconds": 0})
    last = max(int(path.name) for path in tmp_path.iterdir() if path.name.isdigit())
    for file in (tmp_path / str(last) / "training").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with pytest.warns(RuntimeWarning, match=rf"the checkpoint of step {last} is damaged .*going on from that of step"):
        resumed = attempt(tmp_path, epochs=3, resume=True)
    assert told(resumed) == told(whole)


def test_one_that_cannot_be_written_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Checkpoints, "save", full)
    with pytest.warns(RuntimeWarning, match="No space left on device; the training goes on"):
        result = attempt(tmp_path, epochs=2)
    assert len(result.history) == 2


def test_the_best_of_short_epochs_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing takes long here, so that of the epochs the first is written, the best waits, and the last is written."""
    monkeypatch.setattr("backprop_jax.train.saving.SHARE", 1e-9)
    losses = iter([3.0, 2.0, 1.0, 2.5, 4.0])
    measure = Labelled.measure
    monkeypatch.setattr(Labelled, "measure", lambda *given: measure(*given)._replace(validation_loss=next(losses)))
    kept: list = []
    with Checkpoints(tmp_path) as checkpoints:
        keep = lambda row, training: kept.append(checksum(training))
        fit(OBJECTIVE, OPTIMIZER, fresh(), DATA, epochs=5, checkpoints=checkpoints, on_epoch=keep)
        assert checkpoints.steps == [17, 51, 85]
        assert checkpoints.best == 51
        best = checkpoints.restore(fresh(), 51)
    assert best is not None and checksum(best.training) == kept[2]


def test_notice_of_the_end_leaves_a_checkpoint_of_the_step_in_hand(tmp_path: Path) -> None:
    def end(progress: Progress) -> None:
        if progress.epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    stopped = attempt(tmp_path, epochs=3, on_progress=end)
    assert stopped.interrupted is signal.SIGTERM and len(stopped.history) == 1
    resumed = attempt(tmp_path, epochs=3, resume=True)
    assert told(resumed) == told(fit(OBJECTIVE, OPTIMIZER, fresh(), DATA, epochs=3))


def test_a_history_that_says_stop_ends_it_now_and_when_resumed(tmp_path: Path) -> None:
    stop = lambda history: history[-1].epoch == 2
    assert len(attempt(tmp_path, epochs=5, stop=stop).history) == 2
    assert len(attempt(tmp_path, epochs=5, stop=stop, resume=True).history) == 2


def test_several_steps_a_call_are_the_same_steps() -> None:
    one, several = (fit(OBJECTIVE, OPTIMIZER, fresh(), DATA, epochs=2, steps_per_call=count) for count in (1, 5))
    for row, other in zip(one.history, several.history, strict=True):
        np.testing.assert_allclose(row[:6], other[:6], rtol=1e-5)
    with pytest.raises(ValueError, match="a call takes 1 step or more, not 0"):
        fit(OBJECTIVE, OPTIMIZER, fresh(), DATA, epochs=2, steps_per_call=0)
