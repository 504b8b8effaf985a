import contextlib
import csv
import importlib.util
import io
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import data, models
from backprop_jax.cli import job, main, text_job
from backprop_jax.cli.text_model import load_writer
from backprop_jax.files.tensors import read_metadata, write_tensors
from backprop_jax.models import generate
from backprop_jax.testing import CrossCheck
from tests.cli.recorded import RECORDED, UNLOGGED

FOX = "the quick brown fox jumps over the lazy dog. " * 24
TINY = ["--width", "16", "--embedding-width", "4", "--steps", "8", "--batch-size", "4", "--learning-rate", "0.05"]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "fox.txt"
    path.write_text(FOX)
    return path


def flags_of(text: Path, *others: str) -> list[str]:
    return ["train", "text", "--data", str(text), *TINY, "--log", *others]


@pytest.fixture(scope="module")
def trained(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The output folder and the text of a short run."""
    out = tmp_path_factory.mktemp("out") / "new"
    with contextlib.redirect_stdout(io.StringIO()) as told, contextlib.redirect_stderr(io.StringIO()) as errors:
        assert main(flags_of(text, "--epochs", "3", "--log", "csv", "--out", str(out))) == 0
    assert errors.getvalue() == ""
    return out, told.getvalue()


def test_the_output_tells_all_in_order(trained: tuple[Path, str]) -> None:
    parts = [
        r"fox\.txt: 1,080 characters, a vocabulary of 28; tokens: 864 to train, 108 to validate, 108 to test",
        r"LSTMCell\(features=16\)",
        r"Training, 78 steps",
        r"epoch   1   loss .*   validation \d\.\d{3} bits a character .* tokens/s   0:0\d to go\n    ",
        r"written: .*params\.safetensors",
        r"epoch   3   loss ",
        r"written: .*history\.csv",
        r"test: \d\.\d{3} bits a character",
    ]
    assert re.search(".*".join(parts), trained[1], re.DOTALL), trained[1]


def test_it_learns(trained: tuple[Path, str]) -> None:
    bits = [float(found) for found in re.findall(r"([\d.]+) bits a character", trained[1])]
    assert len(bits) == 4
    assert max(bits[2:]) < 0.5 < bits[0] < np.log2(28)  # of the last epoch and the test, of the first, of a guess


def test_the_files_can_be_used(trained: tuple[Path, str]) -> None:
    out, _ = trained
    assert {path.name for path in out.iterdir()} == {"params.safetensors", "history.csv", *RECORDED}
    with open(out / "steps.csv", newline="") as file:
        steps = list(csv.DictReader(file))
    assert [row["step"] for row in steps] == [str(step + 1) for step in range(3 * 26)]
    rates = [float(row["learning_rate"]) for row in steps]
    assert rates[0] == 0 and rates.index(max(rates)) == len(steps) // 20 and rates[-1] < max(rates) / 1000
    notes = read_metadata(out / "params.safetensors")
    assert (notes["data"], notes["cell"], notes["characters"]) == ("fox.txt", "lstm", "".join(sorted(set(FOX))))
    assert not any(str(out.parent) in note for note in notes.values())
    with open(out / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "26"), ("2", "52"), ("3", "78")]
    assert float(rows[-1]["gradient_norm/recurrent1"]) > 0
    vocabulary, model, params = load_writer(out)
    prompt = jnp.asarray(vocabulary.encode("the quick")[None])
    written = generate(model, params, prompt, 36, jax.random.key(0), 0.1)
    assert vocabulary.decode(np.asarray(written[0])) == " brown fox jumps over the lazy dog. "


def test_saved_parameters_can_be_tested_again(
    trained: tuple[Path, str], text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, told = trained
    params = str(out / "params.safetensors")
    assert main(flags_of(text, "--epochs", "0", "--params", params)) == 0
    assert re.findall("test: .*", capsys.readouterr().out) == re.findall("test: .*", told)


def test_a_wrong_gradient_ends_the_job(
    text: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(objective, params, state, batch) -> list[CrossCheck]:
        loss, _, _ = jax.eval_shape(objective.forward, params, state, batch)
        assert loss.shape == ()
        return [CrossCheck("readout", objective.layer, 0.5, 0.5)]

    monkeypatch.setattr(job, "cross_check", wrong)
    assert main(flags_of(text, "--epochs", "0", "--cross-check")) == 1
    assert "the gradient of layer readout differs from jax.grad by 5.0e-01" in refusal(capsys)


def test_the_best_epoch_is_kept(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three, that with the least loss on the text to validate: the second."""
    losses = iter([2.0, 1.0, 3.0])
    monkeypatch.setattr("backprop_jax.train.text_stream.stream_loss", lambda *_: next(losses))
    kept: list = []
    fit = text_job.fit

    def spy(*arguments, on_epoch, **options):
        def remember(row, training) -> None:
            kept.append(jax.device_get(training.params))
            on_epoch(row, training)

        return fit(*arguments, on_epoch=remember, **options)

    monkeypatch.setattr(text_job, "fit", spy)
    assert main(flags_of(text, "--epochs", "3", "--out", str(tmp_path))) == 0
    jax.tree.map(np.testing.assert_array_equal, load_writer(tmp_path).params, kept[1])
    assert capsys.readouterr().out.count("params.safetensors") == 2


def test_divergence_leaves_the_best_epoch_and_no_history_of_another_run(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "history.csv").write_text("of an earlier run")
    losses = iter([1.0, float("nan")])
    monkeypatch.setattr("backprop_jax.train.text_stream.stream_loss", lambda *_: next(losses))
    assert main(flags_of(text, "--epochs", "3", "--out", str(tmp_path))) == 1
    assert "the validation_loss became nan by step 52: it diverged" in refusal(capsys)
    assert {path.name for path in tmp_path.iterdir()} == {"params.safetensors", *UNLOGGED}


@pytest.fixture
def control_c() -> Iterator[None]:
    """Python's own handling of SIGINT, which a shell that starts the tests in the background takes away."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize(
    ("epochs", "number"), [(1, signal.SIGTERM), (0, signal.SIGINT)], ids=["after an epoch", "in the first epoch"]
)
def test_control_c_keeps_what_is_learned(
    epochs: int,
    number: signal.Signals,
    text: Path,
    tmp_path: Path,
    control_c: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextlib.contextmanager
    def interrupt(*_, **options):
        press = lambda report: os.kill(os.getpid(), number)
        yield (lambda row, training: press(row), lambda _: None) if epochs else (lambda row, training: None, press)

    begun: list = []
    start = text_job.start

    def spy(*arguments):
        training = start(*arguments)
        begun.append(jax.device_get(training.params))
        return training

    monkeypatch.setattr(text_job, "start", spy)
    monkeypatch.setattr(text_job, "show_progress", interrupt)
    assert main(flags_of(text, "--epochs", "9", "--out", str(tmp_path))) == 128 + number
    told = capsys.readouterr()
    assert told.err == f"backprop-jax: interrupted after {epochs} of 9 epochs; the best so far is written\n"
    assert "bits a character" in told.out
    writer = load_writer(tmp_path)
    assert writer.vocabulary == data.CharacterVocabulary.from_text(FOX)
    for before, after in zip(jax.tree.leaves(begun[0]), jax.tree.leaves(writer.params), strict=True):
        assert np.abs(before - after).max() > 1e-3
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 1 + epochs


def test_a_stopped_training_goes_on_to_the_same_end(
    trained: tuple[Path, str],
    text: Path,
    tmp_path: Path,
    control_c: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextlib.contextmanager
    def interrupt(*_, **options):
        press = lambda progress: os.kill(os.getpid(), signal.SIGINT) if progress.epoch == 2 else None
        yield (lambda row, training: None), press

    flags = [*flags_of(text, "--epochs", "3"), "--out", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(text_job, "show_progress", interrupt)
        assert main(flags) == 130
    capsys.readouterr()
    assert main(flags) == 2
    assert "holds a training that stopped at step 42: --resume goes on with it; or choose" in refusal(capsys)
    assert main([*flags, "--epochs", "1"]) == 2  # fewer steps than were taken, and not its to remove
    assert "holds a training that stopped at step 42" in refusal(capsys)
    assert main([*flags, "--resume", "--log", "csv"]) == 0
    whole, parts = (load_writer(folder).params for folder in (trained[0], tmp_path))
    jax.tree.map(np.testing.assert_array_equal, whole, parts)
    columns = "epoch", "step", "train_loss", "validation_loss"
    histories = []
    for folder in (trained[0], tmp_path):
        with open(folder / "history.csv", newline="") as file:
            histories.append([tuple(row[name] for name in columns) for row in csv.DictReader(file)])
    assert histories[0] == histories[1] and len(histories[0]) == 3
    assert main([*flags, "--resume", "--seed", "3"]) == 2
    assert "--seed 3 is not that of the run in" in refusal(capsys)


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    told = capsys.readouterr().err
    assert told.startswith("backprop-jax: error: ")
    assert told.count("\n") == 1
    return told


@pytest.mark.parametrize(
    ("content", "options", "status", "message"),
    [
        (None, "", 1, "fox.txt: No such file or directory"),
        (b"caf\xe9", "", 1, "fox.txt is not UTF-8 at byte 3, 0xe9"),
        (b" \n", "", 1, "there is no text in"),
        (b"four", "", 1, "4 characters are too few: they leave parts of 4, 0, 0"),
        (b"fox " * 10, "", 2, "to train on, a text of 32 tokens is too short for 4 rows of 8 steps, which take 33"),
        (b"abcdefgh", "--batch-size 1 --steps 1", 2, "to validate and to test on, a text of 1 tokens is too short"),
        (b"fox " * 99, "--params /nothing", 2, "--params: there is no parameter file at /nothing"),
        (b"fox " * 99, "--out /dev/null", 2, "--out /dev/null is no folder that can be written: "),
        (b"fox " * 99, "--learning-rate 1e38 --epochs 9", 1, "it diverged, lower the learning rate"),
    ],
)
def test_what_cannot_be_done_is_refused(
    content: bytes | None,
    options: str,
    status: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "fox.txt"
    if content is not None:
        path.write_bytes(content)
    assert main([*flags_of(path), "--out", str(tmp_path / "out"), *options.split()]) == status
    assert message in refusal(capsys)


def test_parameters_of_another_model_are_refused(
    trained: tuple[Path, str], text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = trained[0] / "params.safetensors"
    assert main(flags_of(text, "--params", str(params), "--width", "8")) == 2
    assert f"--params: {params} is of a network with --width 16, not --width 8" in refusal(capsys)
    other = tmp_path / "other.txt"
    other.write_text("THE QUICK BROWN FOX" * 99)
    assert main(flags_of(other, "--params", str(params))) == 2
    assert "the character 'T' at position 0 is not in the vocabulary of 28 characters" in refusal(capsys)
    write_tensors(tmp_path / "images.safetensors", {"w": np.zeros(1, np.float32)}, {"model": "lenet"})
    assert main(flags_of(text, "--params", str(tmp_path / "images.safetensors"))) == 2
    assert "images.safetensors holds no model of text: it has no vocabulary; backprop-jax train text and train gpt" in (
        refusal(capsys)
    )


def test_missing_tokenizers_are_named_with_their_extra(
    text: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("backprop_jax.data.text.tokenizer_files.import_module", missing)
    assert main(flags_of(text, "--vocabulary", "bpe")) == 1
    assert "--vocabulary bpe: byte pairs need tokenizers" in refusal(capsys)


@pytest.mark.skipif(importlib.util.find_spec("tokenizers") is None, reason="tokenizers is not installed")
def test_byte_pairs_and_other_cells(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--vocabulary", "bpe", "--vocabulary-size", "270", "--cell", "gru", "--dropout", "0", "--epochs", "1"]
    assert main(flags_of(text, *options, "--out", str(tmp_path))) == 0
    tokens, characters = re.findall(r"(\d+) to train", capsys.readouterr().out)[0], len(data.split_text(FOX).train)
    assert int(tokens) < characters
    writer = load_writer(tmp_path)
    assert len(writer.vocabulary) == 270
    assert writer.model == models.char_lm(270, 4, 16, 1, "gru", 0.0)
