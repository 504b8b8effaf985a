import json
import re
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.cli import main, train_images
from backprop_jax.cli.config import save_config
from backprop_jax.cli.flags import TrainGPT, TrainImages
from backprop_jax.cli.text_model import build_gpt, make_notes
from backprop_jax.data import CharacterVocabulary
from backprop_jax.train import save_model, save_params
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


def test_text(text_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The result is that of a training that starts from the parameters and has no epochs."""
    assert main(["evaluate", str(text_run)]) == 0
    told = capsys.readouterr().out
    again = ["--config", str(text_run / "config.toml"), "--params", str(text_run / "params.safetensors")]
    assert main(["train", "text", *again, "--epochs", "0", "--out", str(tmp_path)]) == 0
    (line,) = re.findall("test: (.*)", capsys.readouterr().out)
    assert told == f"fox.txt: test: {line}, of 108 tokens\n"


def test_a_gpt(fox: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One whose table is 0 takes all characters for equally likely."""
    flags = TrainGPT(str(fox), "characters", layers=1, width=8, heads=2, length=16)
    vocabulary = CharacterVocabulary.from_text(fox.read_text())
    params, _ = jax.eval_shape(build_gpt(vocabulary, flags).init, jax.random.key(0), np.zeros((1, 16), np.int32))
    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), params)
    save_params(tmp_path / "params.safetensors", zeros, make_notes(flags, vocabulary, "fox.txt"))
    save_config(tmp_path / "config.toml", flags)
    assert main(["evaluate", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tokens"] == 108 and found["bits_a_byte"] == pytest.approx(np.log2(len(vocabulary)))
    assert found["loss"] == pytest.approx(np.log(len(vocabulary)))


def test_images_where_the_folder_has_moved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(train_images.MODELS, "lenet", tiny)
    folder = write_images(tmp_path / "pets", ("cat", "dog"), count=20)
    run = tmp_path / "run"
    run.mkdir()
    save_config(run / "config.toml", TrainImages(data=str(folder), image_size=8))
    params, state = tiny(2).init(jax.random.key(0), np.zeros((2, 8, 8, 3), np.float32))
    notes = {"class_names": ["cat", "dog"], "normalization": {"mean": [0.5] * 3, "std": [0.1] * 3}}
    save_model(run / "params.safetensors", params, state, {name: json.dumps(note) for name, note in notes.items()})
    shutil.move(folder, tmp_path / "moved")
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
    assert "is of another run than config.toml beside it, with model linear and not mlp" in refusal(str(tmp_path))
    (tmp_path / config).write_text(settings + "future = 1\n")
    assert "there is no setting future of train digits" in refusal(str(tmp_path))
    assert "the run is of digits8x8" in refusal(str(digits_run), "--data", "mnist5k")
