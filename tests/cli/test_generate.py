import io
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.cli import main
from backprop_jax.cli.flags import TrainGPT, TrainText
from backprop_jax.cli.text_model import build_model, make_notes
from backprop_jax.data import CharacterVocabulary
from backprop_jax.files.tensors import write_tensors
from backprop_jax.train import save_params

VOCABULARY = CharacterVocabulary("\nabcé")
FLAGS = TrainText(cell="gru", width=6, embedding_width=3, layers=2, data="/home/me/secret")
NOTES = make_notes(FLAGS, VOCABULARY, "secret")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a training leaves, of a model that has not learned anything."""
    path = tmp_path_factory.mktemp("model")
    return save(path, FLAGS)


def save(path: Path, flags: TrainText | TrainGPT) -> Path:
    model = build_model(VOCABULARY, flags)
    params, _ = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 1), jnp.int32))
    save_params(path / "params.safetensors", params, make_notes(flags, VOCABULARY, "secret"))
    return path


def written(capsys: pytest.CaptureFixture[str], *flags: str) -> str:
    assert main(["generate", *flags]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    return told.out


def test_it_goes_on_from_the_prompt(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", str(folder)]
    text = written(capsys, *model, "--prompt", "cab", "--length", "30", "--temperature", "2")
    assert text.startswith("cab")
    assert text.endswith("\n")
    assert len(text) == 3 + 30 + 1
    assert set(text) == set(VOCABULARY.characters)


def test_one_seed_writes_one_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--prompt", "é", "--length", "30", "--temperature", "2"]
    first, by_file, other = (
        written(capsys, *flags, "--model", str(model), "--seed", seed)
        for model, seed in ((folder, "1"), (folder / "params.safetensors", "1"), (folder, "2"))
    )
    assert first == by_file != other


def test_a_transformer_writes_more_than_it_has_places_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save(tmp_path, TrainGPT(width=4, heads=2, layers=1, length=8, recompute="none"))
    flags = ["--model", str(folder), "--prompt", "abcabcabcabc", "--length", "20", "--temperature", "9"]
    text = written(capsys, *flags)
    assert text.startswith("abcabcabcabc") and len(text) == 12 + 20 + 1
    assert set(text) == set(VOCABULARY.characters)
    assert written(capsys, *flags, "--top-k", "1") == written(capsys, *flags, "--top-p", "1e-9", "--seed", "1")


def test_what_stdout_has_no_bytes_for_is_escaped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "argv", ["backprop-jax", "generate", "--model", str(folder), "--prompt", "é"])
    assert main() == 0
    assert stdout.buffer.getvalue().startswith(rb"\xe9")  # type: ignore[attr-defined]


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    told = capsys.readouterr().err
    assert told.startswith("backprop-jax: error: ")
    assert told.count("\n") == 1
    return told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--prompt", "abd"],
            "--prompt: the character 'd' at position 2 is not in the vocabulary of 5 characters: leave it out, or make "
            "the vocabulary from a text that has it\n",
        ),
        (["--prompt", "a\udcff"], r"--prompt: the character '\udcff' at position 1 is not in the vocabulary"),
        (["--prompt", ""], "--prompt must have one character or more"),
        (["--temperature", "0"], "--temperature must be a positive number, not 0.0"),
        (["--temperature", "nan"], "--temperature must be a positive number, not nan"),
        (["--top-k", "0"], "--top-k must be 1 or more, not 0"),
        (["--top-p", "0"], "--top-p must be above 0 and at most 1, not 0.0"),
        (["--length", "0"], "--length must be 1 or more, not 0"),
        (["--seed", "-1"], "--seed must be from 0 to 4294967295, not -1"),
        (["--model", "/nothing"], "--model: there is no parameter file at /nothing"),
    ],
)
def test_what_cannot_be_done_is_refused(
    options: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", "--model", str(folder), "--prompt", "a", *options]) == 2
    assert message in refusal(capsys)


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({"model": "lenet", "width": "3"}, "holds no model of text"),
        ({name: text for name, text in NOTES.items() if name != "layers"}, "has damaged notes on its training (KeyE"),
        (NOTES | {"width": "wide"}, "has damaged notes on its training (ValueError"),
        (NOTES | {"cell": "rnn"}, "has damaged notes on its training (ValueError"),
        (NOTES | {"heads": "4"}, "has damaged notes on its training (KeyE"),
        (NOTES | {"characters": "aa"}, "has a damaged vocabulary: the character 'a' is twice"),
        (NOTES, "does not fit the model"),
        (None, "is truncated or not a safetensors file"),
    ],
)
def test_files_of_another_kind_are_refused(
    notes: dict[str, str] | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "params.safetensors"
    path.write_text("no tensors")
    if notes is not None:
        write_tensors(path, {"w": np.zeros(1, np.float32)}, notes)
    assert main(["generate", "--model", str(tmp_path), "--prompt", "a"]) == 2
    assert f"--model: {path} {message}" in refusal(capsys)
