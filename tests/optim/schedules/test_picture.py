from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backprop_jax import optim


def lines(figure: Any) -> list[Any]:
    return figure.axes[0].get_lines()


def test_the_lines_are_the_values() -> None:
    schedules = {"jumps": optim.piecewise_constant_schedule(1.0, {3: 0.5}), "flat": lambda count: 2.0}
    first, second = lines(optim.plot_schedule(schedules, 5))
    assert [first.get_label(), second.get_label()] == ["jumps", "flat"]
    assert first.get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    assert first.get_ydata().tolist() == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]
    assert second.get_ydata().tolist() == [2.0] * 6
    assert first.get_color() != second.get_color() and first.get_linestyle() != second.get_linestyle()


def test_long_schedules_are_thinned_out_to_their_end() -> None:
    [line] = lines(optim.plot_schedule(optim.linear_schedule(0.0, 1.0, 10**9), 10**9))
    assert len(line.get_xdata()) <= 10_000 and line.get_xdata()[-1] == 10**9
    np.testing.assert_allclose(line.get_ydata(), line.get_xdata() / 1e9, atol=1e-6)


def test_one_schedule_is_named_by_its_call() -> None:
    figure = optim.plot_schedule(optim.constant_schedule(0.1), 5, log_scale=True)
    assert figure.axes[0].get_title(loc="left") == "constant_schedule(value=0.1)"
    assert figure.axes[0].get_yscale() == "log"


def test_the_picture_is_saved(tmp_path: Path) -> None:
    from matplotlib.image import imread

    names = {f"power {power}": optim.polynomial_schedule(1.0, 0.0, power, 100) for power in (1, 2, 3, 4)}
    optim.plot_schedule(names, 100, tmp_path / "four.png")
    picture = imread(tmp_path / "four.png")
    assert picture.shape == (540, 1080, 4)
    assert 0.01 < (picture[..., :3].min(-1) < 0.9).mean() < 0.3  # something is drawn, and most is paper


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'backprop-jax\[cli\]'"):
        optim.plot_schedule(optim.constant_schedule(0.1), 5)


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="steps must be above 0 and within int32, got 0"):
        optim.plot_schedule(optim.constant_schedule(0.1), 0)
    with pytest.raises(ValueError, match="there is no schedule to draw; pass one, or a dict"):
        optim.plot_schedule({}, 5)
    with pytest.raises(TypeError, match=r"0\.1 is no schedule; for a number pass constant_schedule"):
        optim.plot_schedule({"rate": 0.1}, 5)  # type: ignore[dict-item]
