"""Scores over learning rates."""

import numpy as np
import pytest

from backprop_jax import plots


def test_lines_are_means_over_seeds_with_gaps_where_one_diverged() -> None:
    scores = {
        "easy": {"a": np.array([[1, 3], [4, np.nan]]), "b": np.array([[1.0, 1.0], [2.0, 2.0]])},
        "hard": {"b": np.ones((2, 1))},
    }
    figure = plots.plot_rates([0.1, 1.0], scores)
    easy, hard = figure.axes
    np.testing.assert_array_equal(easy.lines[0].get_xydata(), [[0.1, 2], [1, np.nan]])
    assert easy.lines[1].get_color() == hard.lines[0].get_color() != easy.lines[0].get_color()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


@pytest.mark.parametrize("scores", [{}, {"task": {}}, {"task": {"a": np.ones((3, 1))}}])
def test_other_numbers_of_scores_are_refused(scores: dict) -> None:
    with pytest.raises(ValueError, match="each of 2 rates"):
        plots.plot_rates([0.1, 1.0], scores)
