"""Which labels are likely to be wrong."""

from pathlib import Path

import numpy as np
import pytest

from backprop_jax.doctor import label_suspects, read_run, save_suspects


def test_confident_learning_worked_out_by_hand() -> None:
    """The average of class 0 is (0.9 + 0.8 + 0.1) / 3 = 0.6, of class 1 (0.7 + 0.5) / 2 = 0.6; class 2 has no label."""
    p = np.array([[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.4, 0.5, 0.1]])
    rows = label_suspects(np.log(p), np.array([0, 0, 0, 1, 1]))
    assert [row.suspected for row in rows] == [False, False, True, False, False]
    assert [row.answer for row in rows] == [0, 0, 1, 1, 1]
    np.testing.assert_allclose([row.loss for row in rows], -np.log([0.9, 0.8, 0.1, 0.7, 0.5]))
    assert [row.label for row in rows] == [0, 0, 0, 1, 1] and [row.index for row in rows] == list(range(5))


def test_the_file_names_the_suspected_first(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 60)
    scores = rng.normal(size=(60, 3)) + 4 * np.eye(3)[labels]
    labels[:6] = (labels[:6] + 1) % 3
    rows = label_suspects(scores, labels)
    save_suspects(tmp_path / "suspects.csv", rows)
    read = read_run(tmp_path).suspects
    assert read is not None and sorted(read) == list(rows)
    found = [row for row in rows if row.suspected]
    assert {row.index for row in found} <= set(range(6)) and len(found) >= 4
    assert list(read[: len(found)]) == sorted(found, key=lambda row: -row.loss)


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (np.zeros(3), np.zeros(3, int), "needs scores"),
        (np.zeros((3, 2)), np.zeros(2, int), "needs scores"),
        (np.zeros((3, 2)), np.zeros(3), "whole labels"),
        (np.zeros((3, 2)), np.array([0, 1, 2]), "labels from 0 to 1"),
        (np.full((3, 2), np.nan), np.zeros(3, int), "finite scores"),
    ],
)
def test_what_makes_no_sense_is_refused(scores: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        label_suspects(scores, labels)


def test_of_no_examples_there_are_no_suspects() -> None:
    assert label_suspects(np.zeros((0, 3)), np.zeros(0, int)) == ()
