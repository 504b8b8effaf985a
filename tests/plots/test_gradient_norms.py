"""The gradient norms of layers over the steps."""

import numpy as np
import pytest

from backprop_jax import plots


def test_a_row_a_layer_and_what_is_not_finite_apart() -> None:
    table = {"step": [1, 2, 3], "gradient_norm/0": [1.0, 0.0, 4.0], "gradient_norm/2": [8.0, np.nan, np.inf]}
    axes = plots.plot_gradient_norms(table).axes[0]
    seen, bad = (np.ma.filled(mesh.get_array(), np.nan).reshape(2, 3) for mesh in axes.collections)
    np.testing.assert_array_equal(seen, [[1, np.nan, 4], [8, np.nan, np.nan]])
    np.testing.assert_array_equal(bad, [[np.nan, np.nan, np.nan], [np.nan, 1, 1]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "2"]
    assert axes.get_ylim() == (1.5, -0.5)  # the input is at the top
    np.testing.assert_array_equal(axes.collections[0].get_coordinates()[0, :, 0], [0.5, 1.5, 2.5, 3.5])


def test_neighbours_of_many_steps_share_a_column() -> None:
    steps = np.arange(1, 801)
    axes = plots.plot_gradient_norms({"step": steps, "gradient_norm/a": np.where(steps % 2, 1.0, 3.0)}).axes[0]
    assert axes.collections[0].get_array().shape == (1, 400) and (axes.collections[0].get_array() == 2).all()


def test_a_table_without_norms_is_refused() -> None:
    with pytest.raises(ValueError, match="gradient_norm/"):
        plots.plot_gradient_norms({"step": [1]})
