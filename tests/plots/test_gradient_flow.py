"""The gradient norm of each layer."""

import numpy as np
import pytest

from backprop_jax import plots


def test_bars_are_norms_and_what_has_none_is_written() -> None:
    (axes,) = plots.plot_gradient_flow({"0": 1e-3, "2": 1.0, "4": 0.0, "6": np.nan}).axes
    heights = [bar.get_height() for bar in axes.patches]
    assert heights[:2] == [1e-3, 1.0] and heights[2] < 1e-3 and heights[3] > 1
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.texts] == ["0", "nan"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "2", "4", "6"]
    assert plots.plot_gradient_flow({"0": 0.0}).axes[0].texts[0].get_text() == "0"


def test_no_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="no layer"):
        plots.plot_gradient_flow({})
