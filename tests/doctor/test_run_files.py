"""The tables in the folder of a run."""

from pathlib import Path
from typing import Any

import pytest

from backprop_jax.doctor import EpochRow, StepRow, read_run
from backprop_jax.train import Epoch, TextEpoch, save_history

STEPS = "step,epoch,loss,items_per_second,waiting,gradient_norm/a,gradient_norm/b/0\n"


def test_histories_of_images_and_of_text(tmp_path: Path) -> None:
    norms = {"a": 1.5, "b/0": 2.5}
    for kind in (Epoch, TextEpoch):
        told: dict[str, Any] = dict.fromkeys(kind._fields, 0.25) | {"epoch": 1, "step": 9, "gradient_norms": norms}
        save_history(tmp_path / "history.csv", [kind(**told)], kind)
        run = read_run(tmp_path)
        assert run.history == (EpochRow(1, 0.25, 0.25, norms),) and run.steps is None


def test_missing_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "steps.csv").write_text(STEPS + "1,1,2.5,100,0.5,1,2\n")
    run = read_run(tmp_path)
    assert run.steps == (StepRow(1, 2.5, 0.5, {"a": 1.0, "b/0": 2.0}),)
    assert [line.split()[0] for line in run.missing] == ["history.csv", "health.csv", "suspects.csv"]


def test_half_a_last_line_is_left_out_and_the_last_of_two_rows_counts(tmp_path: Path) -> None:
    rows = "1,1,2.5,9,,1,2\n2,1,7,9,,1,2\n3,1,7,9,,1,2\n2,1,1.5,9,,1,2\n3,1,0.25,9,,1,2"
    (tmp_path / "steps.csv").write_text(STEPS + rows)
    assert [(row.step, row.loss) for row in read_run(tmp_path).steps or ()] == [(1, 2.5), (2, 1.5), (3, 7.0)]
    (tmp_path / "steps.csv").write_text(STEPS + rows + "\n")
    assert [(row.step, row.loss) for row in read_run(tmp_path).steps or ()] == [(1, 2.5), (2, 1.5), (3, 0.25)]
    for text in ("", STEPS, STEPS[:5]):
        (tmp_path / "steps.csv").write_text(text)
        assert read_run(tmp_path).steps == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2,1,1.O5,9,0,1,2", "line 3: loss is no number: '1.O5'"),
        ("2,1,,9,0,1,2", "line 3: there is no loss"),
        ("2.5,1,1,9,0,1,2", "line 3: step is no whole number"),
        ("nan,1,1,9,0,1,2", "line 3: step is no whole number"),
        ("2,1,1,9", "line 3: 4 cells under 7 columns"),
        ("2,1,1,9,0,1,2,3", "line 3: 8 cells under 7 columns"),
        ("\0\0\0\0", "line 3: "),
    ],
)
def test_a_damaged_line_is_named(row: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    path.write_text(f"{STEPS}1,1,2.5,9,0,1,2\n{row}\n3,1,2.5,9,0,1,2\n")
    with pytest.raises(ValueError, match=message) as raised:
        read_run(tmp_path)
    assert str(path) in str(raised.value)


def test_what_is_no_folder_of_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"holds none of history\.csv"):
        read_run(tmp_path)
