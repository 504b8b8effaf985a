"""Speed and waiting over the steps."""

import numpy as np
import pytest

from backprop_jax import plots


def test_speed_and_waiting() -> None:
    table = {"step": [1, 2], "items_per_second": [100.0, np.nan], "waiting": [0.25, 0.5]}
    speed, waiting = plots.plot_speed(table, "images").axes
    assert speed.get_ylabel() == "images a second" and speed.get_ylim() == (0, pytest.approx(110))
    assert waiting.collections[0].get_paths()[0].vertices[:, 1].max() == 50
    assert len(plots.plot_speed({"step": [1], "items_per_second": [3.0]}).axes) == 1


@pytest.mark.parametrize("table", [{"step": [1]}, {"step": [1], "items_per_second": [np.nan]}])
def test_no_speed_is_refused(table: dict) -> None:
    with pytest.raises(ValueError, match="items_per_second"):
        plots.plot_speed(table)
