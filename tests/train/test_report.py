from pathlib import Path

import numpy as np
import pytest

from backprop_jax.data import Examples
from backprop_jax.train import Epoch, save_report
from backprop_jax.train.report import MOST_LINES, _gradient_norms, _spread
from tests.train.tiny import clouds

TEST = clouds().test
SCORES = np.random.default_rng(0).normal(size=(len(TEST), 4))
HISTORY = [
    Epoch(n, 9 * n, 2 / n, 1 - 0.5 / n, 2.2 / n, 1 - 0.6 / n, 1000.0, {"1": 1 / n, "4": 1.01 / n}) for n in (1, 2, 3)
]


@pytest.mark.parametrize("epochs", [0, 3])
def test_the_report_is_a_picture(tmp_path: Path, epochs: int) -> None:
    from matplotlib.image import imread

    save_report(tmp_path / "report.png", "clouds", HISTORY[:epochs], TEST, SCORES, tuple("abcd"))
    picture = imread(tmp_path / "report.png")
    assert picture.shape == (1155, 1760, 4)
    assert 0.02 < (picture[..., :3].min(-1) < 0.9).mean() < 0.6  # something is drawn, and most is paper


def test_of_many_layers_some_are_named() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    norms = {f"block{number}/conv": 1.0 + number for number in range(100)}
    _gradient_norms(axes, [HISTORY[0]._replace(gradient_norms=norms)])
    names = [text.get_text() for text in axes.texts]
    assert len(axes.lines) == 100
    assert len(set(names)) == MOST_LINES
    assert {"block0/conv", "block99/conv"} < set(names) < set(norms)


@pytest.mark.parametrize("norms", [{"1": 0.0, "4": 1.0}, {"1": 0.0, "4": 0.0}], ids=["one", "all"])
def test_a_gradient_of_zero_has_its_name_at_the_bottom(norms: dict[str, float]) -> None:
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

    figure = Figure(layout="constrained")
    axes = figure.subplots()
    _gradient_norms(axes, [row._replace(gradient_norms=norms) for row in HISTORY])
    figure.draw_without_rendering()  # warns if the names do not leave room for the axes
    bottom, top = axes.get_ylim()
    assert all(bottom <= note.xy[1] <= top for note in axes.texts if isinstance(note, Annotation))


def test_colours_long_names_and_many_classes_fit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    test = Examples(rng.uniform(size=(30, 4, 4, 3)), rng.integers(0, 50, 30))
    names = tuple(f"a name longer than its picture, {number}" for number in range(50))
    save_report(tmp_path / "report.png", "colours", HISTORY, test, rng.normal(size=(30, 50)), names)
    assert (tmp_path / "report.png").stat().st_size > 10_000


def test_a_failing_write_leaves_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_the_disk(figure: object, path: Path, format: str) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    path = tmp_path / "report.png"
    path.write_bytes(b"old")
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        save_report(path, "clouds", (), TEST, SCORES, tuple("abcd"))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "heights", [{"a": 0.5}, {"a": 0.5, "b": 0.51, "c": 0.52}, {"a": 0.0, "b": 0.0, "c": 0.9}, {"a": 1.0, "b": 1.0}]
)
def test_names_of_lines_are_kept_apart_and_within(heights: dict[str, float]) -> None:
    spread = sorted(_spread(heights, gap=0.1).values())
    assert all(np.diff(spread) > 0.1 - 1e-9)
    assert spread[0] >= 0
    assert spread[-1] <= 1 + 1e-9
    assert sorted(_spread(heights, gap=0.1), key=_spread(heights, gap=0.1).__getitem__) == sorted(heights)
