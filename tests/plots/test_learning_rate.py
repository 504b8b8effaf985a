"""The learning rate over the steps."""

import pytest

from backprop_jax import plots


def test_each_step_s_rate_is_drawn() -> None:
    (axes,) = plots.plot_learning_rate({"step": [1, 2, 3], "learning_rate": [0.0, 0.2, 0.1]}).axes
    assert axes.lines[0].get_xydata().tolist() == [[1, 0], [2, 0.2], [3, 0.1]]
    assert axes.get_ylim() == (0, pytest.approx(0.22)) and axes.get_ylabel() == "learning rate"


def test_a_table_without_rates_is_refused() -> None:
    with pytest.raises(ValueError, match="no learning rate to draw"):
        plots.plot_learning_rate({"step": [1], "loss": [2.0]})
