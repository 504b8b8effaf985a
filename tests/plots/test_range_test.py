"""The picture of a learning-rate range test."""

import sys

import numpy as np
import pytest

from backprop_jax import plots, tuning

TEST = tuning.RangeTest(np.geomspace(1e-3, 1, 4), np.array([2, 1.5, 9, 0.5]), np.array([2, 1.5, 1, 0.5]), 0.1)


def test_it_shows_the_losses_and_the_suggestion() -> None:
    (axes,) = plots.plot_range_test(TEST).axes
    losses, smoothed, suggestion = axes.lines
    np.testing.assert_array_equal(losses.get_ydata(), TEST.losses)
    np.testing.assert_array_equal(smoothed.get_ydata(), TEST.smoothed)
    assert [*suggestion.get_xdata()] == [0.1, 0.1] and axes.get_xscale() == "log"
    assert axes.get_ylim()[1] < 9  # single losses do not set the scale
    assert "0.1" in axes.get_legend().get_texts()[-1].get_text()


def test_a_missing_library_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"backprop-jax\[cli\]"):
        plots.plot_range_test(TEST)
