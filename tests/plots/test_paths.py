"""Paths on surfaces."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backprop_jax import plots

BOWL = {"bowl": plots.SURFACES["bowl"]}
PATHS = {"bowl": {"short": np.array([[-4, 1.5], [-3, 1]]), "long": np.linspace([-4, 1.5], [0, 0], 9)}}


def test_paths_are_drawn_from_the_start() -> None:
    axes = plots.plot_paths(BOWL, PATHS).axes[0]
    short, long, start = axes.lines
    np.testing.assert_array_equal(short.get_xydata(), PATHS["bowl"]["short"])
    np.testing.assert_array_equal(long.get_xydata(), PATHS["bowl"]["long"])
    assert start.get_xydata().tolist() == [[-4, 1.5]]
    assert short.get_color() != long.get_color()


def test_an_animation_ends_where_the_paths_do(tmp_path: Path) -> None:
    animation = plots.animate_paths(BOWL, PATHS, frames=3)  # after 1, 3 and 9 places
    animation.save(tmp_path / "paths.gif", writer="pillow")
    with Image.open(tmp_path / "paths.gif") as picture:
        assert picture.n_frames == 3
    short, long, _, dot, other_dot = animation._fig.axes[0].lines
    assert (len(short.get_xdata()), len(long.get_xdata())) == (2, 9)
    assert (dot.get_xdata()[0], other_dot.get_xdata()[0]) == (-3, 0)


def test_other_surfaces_and_too_few_frames_are_refused() -> None:
    for surfaces, paths in ((BOWL, {}), (BOWL, {"bowl": {}}), ({}, {})):
        with pytest.raises(ValueError, match="same names"):
            plots.plot_paths(surfaces, paths)
    with pytest.raises(ValueError, match="2 frames"):
        plots.animate_paths(BOWL, PATHS, frames=1)
