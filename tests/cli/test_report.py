from pathlib import Path

import pytest

from backprop_jax.cli import main


def test_the_page_is_written_beside_the_run_or_elsewhere(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "new.html"
    assert main(["report", str(digits_run), "--out", str(page)]) == 0
    assert capsys.readouterr().out == f"written: {page}\n"
    text = page.read_text()
    assert text.lower().startswith("<!doctype html>")
    for part in ("Learning curves", "batch_size", "digits8x8"):
        assert part in text
    assert not (digits_run / "report.html").exists()


def test_what_is_no_run_is_refused(digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "is no folder of a run" in capsys.readouterr().err
    assert main(["report", str(digits_run), "--out", str(tmp_path / "no" / "page.html")]) == 1
    assert "page.html cannot be written: " in (told := capsys.readouterr().err) and told.count("\n") == 1


def test_damaged_tables_are_named(digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("config.toml", "history.csv"):
        (tmp_path / name).write_bytes((digits_run / name).read_bytes())
    with open(tmp_path / "history.csv", "a") as file:
        file.write("3,1\n4,1\n")
    assert main(["report", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "history.csv" in told and told.count("\n") == 1
