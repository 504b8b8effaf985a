import csv
from pathlib import Path

import pytest

from backprop_jax import optim
from backprop_jax.train import Progress, StepRecord, each, log_steps


def report(*steps: int, epoch: int = 1) -> Progress:
    recent = tuple(StepRecord(step, step / 4, {"1": 0.5, "10": step / 8}) for step in steps)
    return Progress(epoch, 2, steps[-1], 8, steps[-1] / 4, 1234.5678, 0.25, recent)


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_each_step_is_a_row_at_once(tmp_path: Path) -> None:
    path, log = tmp_path / "steps.csv", log_steps(tmp_path / "steps.csv")
    path.write_text("of an earlier run")
    log(report(1, 2))
    assert [row["step"] for row in read(path)] == ["1", "2"]
    log(report(3, epoch=2))
    assert read(path)[2] == {
        "step": "3",
        "epoch": "2",
        "loss": "0.75",
        "items_per_second": "1234.57",
        "waiting": "0.2500",
        "gradient_norm/1": "0.5",
        "gradient_norm/10": "0.375",
    }


def test_the_rate_of_a_step_is_that_of_the_schedule_after_the_updates_before(tmp_path: Path) -> None:
    path, schedule = tmp_path / "steps.csv", optim.linear_schedule(0.0, 0.5, 2)
    log_steps(path, schedule)(report(1, 2, 3))
    assert [row["learning_rate"] for row in read(path)] == ["0", "0.25", "0.5"]
    log_steps(path, 0.125)(report(4))
    assert [row["learning_rate"] for row in read(path)] == ["0", "0.25", "0.5", "0.125"]
    assert list(read(path)[0])[-3:] == ["learning_rate", "gradient_norm/1", "gradient_norm/10"]


def test_a_resumed_training_replaces_what_it_does_again(tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    log_steps(path)(report(1, 2, 3, 4))
    before = read(path)
    with open(path, "a") as file:
        file.write("5,1,0.")  # the process was killed here
    log_steps(path)(report(3, 4))
    assert read(path) == before


def test_a_table_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    path.write_text("name,age\n")
    with pytest.raises(ValueError, match=r"steps\.csv is no log of this training"):
        log_steps(path)(report(3))
    assert path.read_text() == "name,age\n"


def test_several_callbacks_are_called_in_turn() -> None:
    seen: list = []
    each(seen.append, None, lambda row: seen.append(-row))(3)
    assert seen == [3, -3]
