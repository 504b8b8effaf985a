"""What the pictures of a sweep show."""

import matplotlib
import numpy as np
import pytest

from backprop_jax import plots, tuning

TRIALS = tuning.grid(rate=(1e-3, 1e-1), decay=(0.0, 0.5))
SCORES = np.array([0.4, 0.1, np.nan, 0.2])


def test_a_line_goes_through_the_values_of_its_trial() -> None:
    axes = plots.parallel_coordinates(TRIALS, SCORES, "loss").axes[0]
    lines = [line for line in axes.lines if len(line.get_xdata()) == 3]
    heights = sorted(tuple(np.round(line.get_ydata(), 6)) for line in lines)
    # The score 0.2 is a third of the way from 0.1 to 0.4; what diverged ends above.
    assert heights == [(0, 0, 1), (0, 1, 0), (1, 0, 1.08), (1, 1, pytest.approx(1 / 3, abs=1e-5))]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["rate", "decay", "loss"]
    texts = {text.get_text() for text in axes.texts}
    assert {"0.001", "0.1", "0", "0.5", "0.4"} <= texts
    dark = max(lines, key=lambda line: -line.get_ydata()[-1]).get_color()
    assert sum(matplotlib.colors.to_rgb(dark)) < 1


def test_a_grid_becomes_fields() -> None:
    figure = plots.heat_map(TRIALS * 2, np.r_[SCORES, 0.3, 0.3, 0.3, 0.3], "rate", "decay")
    (image,) = figure.axes[0].images
    np.testing.assert_array_equal(image.get_array(), [[0.3, 0.3], [0.1, 0.2]])  # the best of both
    crossed = plots.heat_map(TRIALS, SCORES, "rate", "decay").axes[0]
    assert sorted(text.get_text() for text in crossed.texts) == ["0.1", "0.2", "0.4", "x"]


def test_a_field_that_nobody_tried_is_empty() -> None:
    trials = [{"a": a, "b": b} for a, b in ((1, 1), (2, 2), (1, 2), (1, 2))]
    axes = plots.heat_map(trials, np.array([1, 2, np.nan, 3]), "a", "b").axes[0]
    assert sorted(text.get_text() for text in axes.texts) == ["1", "2", "3"]


def test_drawn_trials_become_points() -> None:
    trials = tuning.draw({"rate": tuning.LogUniform(1e-6, 1), "decay": tuning.Uniform(0, 1)}, 9)
    figure = plots.heat_map(trials, np.r_[np.arange(8.0), np.inf], "rate", "decay")
    alive, gone = figure.axes[0].collections
    assert len(alive.get_offsets()) == 8 and len(gone.get_offsets()) == 1
    assert figure.axes[0].get_xscale() == "log" and figure.axes[0].get_yscale() == "linear"
    np.testing.assert_allclose(sorted(alive.get_offsets()[:, 0]), sorted(trial["rate"] for trial in trials[:8]))


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="a score for each"):
        plots.parallel_coordinates([], np.array([]))
    with pytest.raises(ValueError, match="a score for each"):
        plots.heat_map(TRIALS, SCORES[:3], "rate", "decay")
    with pytest.raises(ValueError, match="all trials diverged"):
        plots.parallel_coordinates(TRIALS, np.full(4, np.nan))
    with pytest.raises(ValueError, match="no 'width', but rate, decay"):
        plots.heat_map(TRIALS, SCORES, "width", "decay")
