import contextlib
import csv
import importlib.util
import io
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from backprop_jax import data, models
from backprop_jax.cli import main, text_job
from backprop_jax.cli.text_model import load_writer
from backprop_jax.files.tensors import read_metadata, write_tensors
from tests.cli.recorded import RECORDED

FOX = "the quick brown fox jumps over the lazy dog. " * 24
TINY = ["--width", "16", "--heads", "2", "--layers", "1", "--length", "256", "--batch-size", "1", "--dropout", "0"]


def flags_of(text: Path, *others: str) -> list[str]:
    return [
        "train",
        "gpt",
        "--data",
        str(text),
        "--vocabulary",
        "characters",
        *TINY,
        "--learning-rate",
        "0.02",
        "--log",
        *others,
    ]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "fox.txt"
    path.write_text(FOX)
    return path


@pytest.fixture(scope="module")
def trained(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The output folder and the text of a short run."""
    out = tmp_path_factory.mktemp("out") / "new"
    with contextlib.redirect_stdout(io.StringIO()) as told, contextlib.redirect_stderr(io.StringIO()) as errors:
        assert main(flags_of(text, "--steps", "61", "--rounds", "3", "--log", "csv", "--out", str(out))) == 0
    assert errors.getvalue() == ""
    return out, told.getvalue()


def test_the_output_tells_all_in_order(trained: tuple[Path, str]) -> None:
    parts = [
        r"fox\.txt: 1,080 characters, a vocabulary of 28; tokens: 864 to train, 108 to validate, 108 to test",
        r"Model, on batches of 1 x 256:",
        r"DotProductAttention",
        r"Kept from the forward pass .*--recompute none .*--recompute norms  this run .*--recompute block ",
        r"Training, 63 steps",
        r"round   1   loss .*   validation \d\.\d{3} bits a byte .* tokens/s   0:0\d to go\n    ",
        r"written: .*params\.safetensors",
        r"round   3   loss ",
        r"written: .*history\.csv",
        r"test: \d\.\d{3} bits a byte",
    ]
    assert re.search(".*".join(parts), trained[1], re.DOTALL), trained[1]


def test_it_learns(trained: tuple[Path, str]) -> None:
    bits = [float(found) for found in re.findall(r"([\d.]+) bits a byte", trained[1])]
    assert len(bits) == 4
    assert max(bits[2:]) < 0.7 * bits[0] < np.log2(28)  # of the last round and the test, of the first, of a guess


def test_less_is_kept_where_more_is_computed_again(trained: tuple[Path, str]) -> None:
    none, norms, block = (int(size.replace(",", "")) for size in re.findall(r"--recompute .* ([\d,]+)", trained[1]))
    assert none > norms >= block


def test_the_files_can_be_used(trained: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = trained
    assert {path.name for path in out.iterdir()} == {"params.safetensors", "history.csv", *RECORDED}
    notes = read_metadata(out / "params.safetensors")
    assert (notes["data"], notes["heads"], notes["characters"]) == ("fox.txt", "2", "".join(sorted(set(FOX))))
    with open(out / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "21"), ("2", "42"), ("3", "63")]
    assert load_writer(out).model == models.gpt(28, 256, 16, 1, 2)
    assert main(["generate", "--model", str(out), "--prompt", "the quick", "--length", "36", "--top-k", "1"]) == 0
    assert capsys.readouterr().out.startswith("the quick")


def test_parameters_of_another_network_are_refused(
    trained: tuple[Path, str], text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = trained[0] / "params.safetensors"
    free = ["--steps", "1", "--out", str(tmp_path), "--params", str(params), "--dropout", "0.5", "--recompute", "block"]
    assert main(flags_of(text, *free, "--heads", "8")) == 2  # whose parameters have the same shapes
    told = capsys.readouterr().err
    assert told == f"backprop-jax: error: --params: {params} is of a network with --heads 2, not --heads 8\n"
    assert main(["train", "text", "--data", str(text), "--params", str(params)]) == 2
    assert "is of a network without --cell, not --cell lstm" in capsys.readouterr().err
    assert main(flags_of(text, *free)) == 0


def test_a_step_that_goes_wrong_names_the_layer_and_is_written(
    trained: tuple[Path, str], text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params, sick, file = trained[0] / "params.safetensors", tmp_path / "sick", tmp_path / "replay.safetensors"
    tensors = load_file(params)
    tensors["embedding/table"][:, 3] = np.nan
    write_tensors(sick, tensors, read_metadata(params))
    assert main(flags_of(text, "--steps", "61", "--rounds", "3", "--params", str(sick), "--out", str(tmp_path))) == 1
    told = capsys.readouterr().err
    assert "the loss became nan at step 1: " in told and "first not finite: embedding, forward: " in told
    assert told.endswith(f"backprop-jax replay {file}\n") and told.count("\n") == 1 and file.exists()


def test_control_c_leaves_a_model(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def interrupt(*_, **options):
        yield (lambda row, training: os.kill(os.getpid(), signal.SIGINT)), lambda progress: None

    monkeypatch.setattr(text_job, "show_progress", interrupt)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main(flags_of(text, "--steps", "61", "--rounds", "3", "--out", str(tmp_path))) == 130
    finally:
        signal.signal(signal.SIGINT, handler)
    assert capsys.readouterr().err == "backprop-jax: interrupted after 1 of 3 rounds; the best so far is written\n"
    assert load_writer(tmp_path).vocabulary == data.CharacterVocabulary.from_text(FOX)


@pytest.mark.parametrize(
    ("content", "options", "status", "message"),
    [
        ("fox " * 99, "--heads 3", 2, "--width 16 --heads 3: 16 features cannot be divided among 3 heads"),
        ("fox " * 99, "--length 400", 2, "to train on, a text of 316 tokens is too short for 400 steps, which take"),
        ("abcdefgh", "--length 1", 2, "to validate and to test on, a text of 1 tokens is too short"),
        ("fox " * 99, "--params /nothing", 2, "--params: there is no parameter file at /nothing"),
        ("fox " * 99, "--out /dev/null", 2, "--out /dev/null is no folder that can be written: "),
        (None, "", 1, "fox.txt: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_refused(
    content: str | None,
    options: str,
    status: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "fox.txt"
    if content is not None:
        path.write_text(content)
    assert main([*flags_of(path), "--out", str(tmp_path / "out"), *options.split()]) == status
    told = capsys.readouterr().err
    assert told.startswith("backprop-jax: error: ") and told.count("\n") == 1
    assert message in told


@pytest.mark.skipif(importlib.util.find_spec("tokenizers") is None, reason="tokenizers is not installed")
def test_a_file_of_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vocabulary = data.BytePairVocabulary.from_text(FOX, 270)
    data.write_tokens(tmp_path / "fox.npy", [vocabulary.encode(FOX)], len(vocabulary))
    command = ["train", "gpt", "--data", str(tmp_path / "fox.npy"), *TINY, "--steps", "1", "--out", str(tmp_path)]
    assert main(command) == 1
    assert "fox.npy: its tokenizer.json: No such file or directory" in capsys.readouterr().err
    vocabulary.save(tmp_path / "tokenizer.json")
    assert main(command) == 0
    assert f"fox.npy: {len(vocabulary.encode(FOX)):,} tokens, a vocabulary of 270" in capsys.readouterr().out
    assert load_writer(tmp_path).vocabulary == vocabulary
    again = [*command, "--params", str(tmp_path / "params.safetensors")]
    assert main(again) == 0
    data.BytePairVocabulary.from_text(FOX[::-1], 270).save(tmp_path / "tokenizer.json")
    assert main(again) == 2
    assert f"has another vocabulary than {tmp_path / 'tokenizer.json'}" in capsys.readouterr().err
