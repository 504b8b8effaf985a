import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from backprop_jax import data
from backprop_jax.cli import main


@pytest.fixture
def digit(digits_run: Path, tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A test image as a file, and the probability of each class: of a linear model no more than a product."""
    pixels = (data.digits().test.x[0, :, :, 0] * 255).astype(np.uint8)
    path = tmp_path / "digit.png"
    Image.fromarray(pixels).save(path)
    params = load_file(digits_run / "params.safetensors")
    scores = np.exp(pixels.reshape(64) / 255 @ params["1/w"] + params["1/b"])
    return path, scores / scores.sum()


def answers(told: str) -> list[dict]:
    return [json.loads(line) for line in told.splitlines()]


def test_images(digits_run: Path, digit: tuple[Path, np.ndarray], capsys: pytest.CaptureFixture[str]) -> None:
    path, expected = digit
    assert main(["predict", str(digits_run), str(path), str(path), "--json", "--top", "10"]) == 0
    first, second = answers(capsys.readouterr().out)
    shares = [answer["probability"] for answer in first["answers"]]
    assert first == second and first["input"] == str(path)
    assert [answer["class"] for answer in first["answers"]] == [str(label) for label in np.argsort(-expected)]
    assert shares == pytest.approx(sorted(expected, reverse=True), rel=1e-4)

    assert main(["predict", str(digits_run), str(path)]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["input", "answer", "probability", "then"]
    assert row.split()[:3] == [str(path), str(expected.argmax()), f"{shares[0]:.1%}"] and row.count("%") == 3


def test_text(text_run: Path, fox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    strange = tmp_path / "strange.txt"
    strange.write_text(fox.read_text()[::-1])
    assert main(["predict", str(text_run), str(fox), str(strange), "--json", "--top", "2"]) == 0
    known, unknown = answers(capsys.readouterr().out)
    assert known["tokens"] == 1080 and known["bits_a_character"] < 1 < 2 < unknown["bits_a_character"]
    assert [len(answer["text"]) for answer in known["answers"]] == [1, 1]


def test_the_standard_input(
    text_run: Path, digits_run: Path, digit: tuple[Path, np.ndarray], capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    def given(content: bytes, run: Path) -> dict:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert main(["predict", str(run), "-", "--json"]) == 0
        (told,) = answers(capsys.readouterr().out)
        return told

    path, expected = digit
    assert given(path.read_bytes(), digits_run)["answers"][0]["class"] == str(expected.argmax())
    assert given(b"the quick brown f", text_run)["answers"][0]["text"] == "o"


def test_files_that_cannot_be_read_are_told_and_the_others_answered(
    digits_run: Path, text_run: Path, digit: tuple[Path, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = digit
    for name, content in {
        "no.png": b"no image",
        "cut.png": path.read_bytes()[:-40],
        "upper.txt": b"THE",
        "a": b"t",
    }.items():
        (tmp_path / name).write_bytes(content)
    none, no, cut, upper, short = (tmp_path / name for name in ("none", "no.png", "cut.png", "upper.txt", "a"))
    assert main(["predict", str(digits_run), str(none), str(no), str(cut), str(path)]) == 1
    told = capsys.readouterr()
    reasons = told.err.splitlines()
    assert reasons[:2] == [
        f"backprop-jax: {none}: No such file or directory",
        f"backprop-jax: {no}: it is no image that can be read",
    ]
    assert reasons[2].startswith(f"backprop-jax: {cut}: ") and len(reasons) == 3
    assert len(told.out.splitlines()) == 2
    assert main(["predict", str(text_run), str(upper), str(short), str(path)]) == 1
    told = capsys.readouterr()
    assert not told.out and len(told.err.splitlines()) == 3
    assert "the character 'T'" in told.err and "a text needs two tokens or more, and this has 1" in told.err


@pytest.mark.parametrize(("flags", "message"), [([], "needs a file"), (["a", "--top", "0"], "--top must be 1 or more")])
def test_flags_at_fault(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "run", *flags]) == 2
    assert message in capsys.readouterr().err
