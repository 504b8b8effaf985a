import shutil
from pathlib import Path

import pytest
from matplotlib.image import imread

from backprop_jax.cli import main


@pytest.fixture
def other(digits_run: Path, tmp_path: Path) -> Path:
    """A run that differs in two settings."""
    out = tmp_path / "other"
    out.mkdir()
    shutil.copy(digits_run / "history.csv", out)
    settings = (digits_run / "config.toml").read_text()
    settings = settings.replace("epochs = 2", "epochs = 3\nlearning_rate = 0.5").replace("log = [", 'log = ["csv", ')
    (out / "config.toml").write_text(settings)
    return out


def test_settings_that_differ_and_results(
    digits_run: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "new.png"
    assert main(["compare", str(digits_run), str(other), "--out", str(picture)]) == 0
    heading, first, second, last = capsys.readouterr().out.splitlines()
    named = ["run", "epochs", "learning_rate", "epochs", "done", "best", "epoch", "validation", "loss", "validation"]
    assert heading.split() == [*named, "accuracy"]
    assert first.split()[:4] == [str(digits_run), "2", "default", "2"]
    assert second.split()[:4] == [str(other), "3", "0.5", "2"] and first.split()[4:] == second.split()[4:]
    assert last == f"written: {picture}" and imread(picture).ndim == 3


def test_runs_of_another_kind(
    digits_run: Path, text_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(digits_run), str(text_run), "--out", str(tmp_path / "new.png")]) == 0
    heading, first, second, _ = capsys.readouterr().out.splitlines()
    assert heading.split()[:2] == ["run", "train"]
    assert first.split()[1] == "digits" and second.split()[1] == "text"
    assert "%" in first and second.split()[-1] == "-"  # no accuracy


def test_flags_at_fault(digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(digits_run)]) == 2
    assert "two runs or more" in capsys.readouterr().err
    shutil.copy(digits_run / "config.toml", tmp_path)
    assert main(["compare", str(digits_run), str(tmp_path), "--out", str(tmp_path / "new.png")]) == 2
    assert f"{tmp_path} has no epochs to compare" in (told := capsys.readouterr().err) and told.count("\n") == 1
