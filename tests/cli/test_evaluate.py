import json
import re
import shutil
from pathlib import Path

import pytest

import backprop_jax as bp
from backprop_jax.cli import main, train_images
from tests.cli.conftest import made
from tests.data.folders import write_images


def tiny(classes: int) -> bp.Layer:
    return bp.chain(bp.GlobalAvgPool(), bp.BatchNorm(), bp.Dense(classes))


def test_digits(digits_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The result is that of a training that starts from the parameters and has no epochs."""
    assert main(["evaluate", str(digits_run)]) == 0
    told = capsys.readouterr().out
    (line,) = re.findall(r"digits8x8: (test accuracy .*)", told)
    again = ["--model", "linear", "--no-cross-check", "--params", str(digits_run / "params.safetensors")]
    assert main(["train", "digits", *again, "--epochs", "0"]) == 0
    assert re.findall("test accuracy .*", capsys.readouterr().out) == [line]
    assert "actual 9 " in told

    assert main(["evaluate", str(digits_run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert line.startswith(f"test accuracy {found['accuracy']:.2%} ({found['right']} of {found['images']})")


@pytest.mark.parametrize("kind", ["text", "gpt"])
def test_text(kind: str, text_run: Path, fox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = text_run
    if kind == "gpt":
        sizes = ["--vocabulary", "characters", "--width", "8", "--heads", "2", "--layers", "1", "--length", "16"]
        run = made(tmp_path / "gpt", "gpt", "--data", str(fox), *sizes, "--batch-size", "1", "--steps", "2")
    assert main(["evaluate", str(run), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    bits = found["bits_a_character" if kind == "text" else "bits_a_byte"]
    assert found["tokens"] == 108 and bits == pytest.approx(found["loss"] * 1.442695, rel=1e-5)
    again = ["--config", str(run / "config.toml"), "--params", str(run / "params.safetensors"), "--out", str(tmp_path)]
    assert main(["train", kind, *again, *(["--epochs", "0"] if kind == "text" else ["--steps", "1"])]) == 0
    if kind == "text":
        assert f"test: {bits:.3f} bits a character" in capsys.readouterr().out


def test_images_where_the_folder_has_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(train_images.MODELS, "lenet", tiny)
    folder = write_images(tmp_path / "pets", ("cat", "dog"), count=20)
    flags = ["--data", str(folder), "--image-size", "8", "--epochs", "2", "--batch-size", "4", "--log"]
    run = made(tmp_path / "run", "images", *flags)
    shutil.move(folder, tmp_path / "moved")
    capsys.readouterr()
    assert main(["evaluate", str(run)]) == 2
    assert f"--data {folder}: " in (told := capsys.readouterr().err) and told.count("\n") == 1
    assert main(["evaluate", str(run), "--data", str(tmp_path / "moved"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 8
    others = write_images(tmp_path / "birds", ("crow", "owl"), count=5)
    assert main(["evaluate", str(run), "--data", str(others)]) == 2
    assert "it has the classes crow, owl, the run cat, dog" in capsys.readouterr().err

    assert main(["predict", str(run), str(tmp_path / "moved" / "dog" / "003.png"), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert {answer["class"] for answer in json.loads(line)["answers"]} == {"cat", "dog"}


def test_what_is_no_run_is_refused_in_one_line(
    digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusal(*flags: str) -> str:
        assert main(["evaluate", *flags]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        return told

    assert f"there is no folder {tmp_path / 'none'}" in refusal(str(tmp_path / "none"))
    assert f"{tmp_path} is no folder of a run: it has no config.toml" in refusal(str(tmp_path))
    config, params = "config.toml", "params.safetensors"
    shutil.copy(digits_run / config, tmp_path)
    assert "has no params.safetensors: its training has not come so far" in refusal(str(tmp_path))
    (tmp_path / params).write_bytes((digits_run / params).read_bytes()[:-1])
    assert "is truncated or not a safetensors file" in refusal(str(tmp_path))
    shutil.copy(digits_run / params, tmp_path)
    settings = (tmp_path / config).read_text()
    (tmp_path / config).write_text(settings.replace('"linear"', '"mlp"'))
    assert "does not fit the model: " in refusal(str(tmp_path))
    (tmp_path / config).write_text(settings + "future = 1\n")
    assert "there is no setting future of train digits" in refusal(str(tmp_path))
    assert "the run is of digits8x8" in refusal(str(digits_run), "--data", "mnist5k")
