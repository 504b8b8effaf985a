import csv
from pathlib import Path

import pytest

from backprop_jax.train import Epoch, TextEpoch, save_history

ROWS = [Epoch(number, 10 * number, 2.0, 0.25, 2.5, 0.125, 1000.0, {"1": 0.5, "4": 0.75}) for number in (1, 2)]


def test_each_epoch_is_a_row(tmp_path: Path) -> None:
    save_history(tmp_path / "history.csv", ROWS)
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [*Epoch._fields[:-1], "gradient_norm/1", "gradient_norm/4"]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["gradient_norm/4"]) == 0.75


def test_no_epochs_make_a_header(tmp_path: Path) -> None:
    save_history(tmp_path / "history.csv", ())
    assert (tmp_path / "history.csv").read_text().splitlines() == [",".join(Epoch._fields[:-1])]
    save_history(tmp_path / "history.csv", (), TextEpoch)
    assert (tmp_path / "history.csv").read_text().splitlines() == [",".join(TextEpoch._fields[:-1])]


def test_a_failing_write_leaves_the_old_history(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("old")
    with pytest.raises(KeyError):
        save_history(path, [ROWS[0], ROWS[1]._replace(gradient_norms={})])
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
