"""Several trainings over each other."""

from pathlib import Path

import numpy as np
import pytest

from backprop_jax.report import compare_runs
from tests.report.small_run import write_run


def test_the_curves_of_each_run_with_its_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    runs = [write_run(tmp_path / "one" / "run"), write_run(tmp_path / "two" / "run", best=0.25)]
    figure = compare_runs(runs)
    loss, accuracy = figure.axes
    assert len(loss.lines) == len(accuracy.lines) == 4
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), [2.1, 0.5, 0.75])
    np.testing.assert_array_equal(loss.lines[3].get_ydata(), [2.1, 0.25, 0.75])
    assert loss.lines[0].get_linewidth() < loss.lines[1].get_linewidth()
    assert loss.lines[1].get_color() != loss.lines[3].get_color()
    # The folders have one name: as much of their paths as tells them apart.
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one/run", "two/run"]


def test_no_run_and_one_without_epochs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("epochs = 0\n")
    with pytest.raises(ValueError, match="no run"):
        compare_runs([])
    with pytest.raises(ValueError, match="no epochs to compare"):
        compare_runs([tmp_path])
