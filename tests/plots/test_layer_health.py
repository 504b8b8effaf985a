"""How the layers fare."""

import numpy as np
import pytest

from backprop_jax import plots

HEALTH = {
    "epoch": [1, 1, 2, 2],
    "layer": ["0", "1", "0", "1"],
    "dead": [np.nan, 0.25, np.nan, 0.5],
    "saturated": [np.nan] * 4,
    "activation": [1.0, np.inf, 4.0, 0.0],
    "weight": [2.0, 0.0, 4.0, 0.0],
    "update": [0.2, 1.0, 0.1, 1.0],
}


def test_fields_of_what_is_known() -> None:
    figure = plots.plot_layer_health(HEALTH)
    dead, activation, update = figure.axes[:3]
    assert [axes.get_title("left")[:4] for axes in (dead, activation, update)] == ["unit", "size", "upda"]
    np.testing.assert_array_equal(np.ma.filled(dead.collections[0].get_array(), np.nan), [[0.25, 0.5]])
    assert [label.get_text() for label in dead.get_yticklabels()] == ["1"]  # nothing is known of the other
    seen, infinite = (np.ma.filled(mesh.get_array(), np.nan) for mesh in activation.collections)
    np.testing.assert_array_equal(seen, [[1, 4], [np.nan, np.nan]])
    np.testing.assert_array_equal(infinite, [[np.nan, np.nan], [1, np.nan]])
    np.testing.assert_allclose(np.ma.filled(update.collections[0].get_array(), np.nan), [[0.1, 0.025]])


def test_a_table_that_tells_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing of any layer"):
        plots.plot_layer_health({"epoch": [1], "layer": ["0"], "dead": [np.nan]})
