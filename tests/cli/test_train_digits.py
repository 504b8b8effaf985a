import contextlib
import csv
import io
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from backprop_jax import models
from backprop_jax.cli import job, main, train_digits
from backprop_jax.testing import CrossCheck
from backprop_jax.train import load_params
from tests.cli.recorded import RECORDED, UNLOGGED

FILES = {"params.safetensors", "history.csv", "report.png", *RECORDED}
SHORT = ["train", "digits", "--width", "32", "--depth", "1", "--epochs", "4", "--no-cross-check"]
LINEAR = ["train", "digits", "--model", "linear", "--no-cross-check", "--log"]
RUN = "import sys; from backprop_jax.cli import main; sys.exit(main())"  # as the installed script does
TIMEOUT = 120  # seconds, for a process that does not end


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The output folder and the text of the main job in short form."""
    out = tmp_path_factory.mktemp("short") / "new" / "folder"
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.redirect_stderr(io.StringIO()) as errors:
        assert main([*SHORT, "--out", str(out)]) == 0
    assert errors.getvalue() == ""
    return out, text.getvalue()


def test_the_output_tells_all_in_order(short: tuple[Path, str]) -> None:
    _, text = short
    parts = [
        r"digits8x8: 1,797 images, 8x8 pixels, grey, 10 classes; 1,258 to train, 180 to validate, 359 to test",
        r"Dense\(features=32\) +float32\[32, 32\] +2,080 +8,192",
        r"epoch   4   loss ",
        r"written: .*params\.safetensors",
        r"written: .*history\.csv",
        r"test accuracy \d\d\.\d\d% \(\d+ of 359\), loss ",
        r"actual 9 ",
        r"written: .*report\.png",
        r"step time \d+\.\d+ ms by hand, \d+\.\d+ ms by jax\.grad: ratio \d",
    ]
    assert re.search(".*".join(parts), text, re.DOTALL)


def test_the_gradients_are_proven_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "digits", "--model", "linear", "--epochs", "0"]) == 0
    text = capsys.readouterr().out
    (row,) = re.findall(r"all +the whole objective +(\S+) +(\S+)", text)
    assert max(map(float, row)) < 1e-5
    assert text.index("whole objective") < text.index("test accuracy")


def test_it_learns(short: tuple[Path, str]) -> None:
    (accuracy,) = re.findall(r"test accuracy ([\d.]+)%", short[1])
    assert float(accuracy) > 80


def test_the_files_can_be_used(short: tuple[Path, str]) -> None:
    from matplotlib.image import imread

    out, _ = short
    assert {path.name for path in out.iterdir()} == FILES
    model = models.mlp((32,), rate=0.2)
    params, _ = jax.eval_shape(model.init, jax.random.key(0), np.zeros((1, 8, 8, 1), np.float32))
    assert jax.tree.structure(load_params(out / "params.safetensors", params)) == jax.tree.structure(params)
    with open(out / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert float(rows[-1]["validation_accuracy"]) > 0.8
    assert float(rows[-1]["gradient_norm/1"]) > 0
    assert imread(out / "report.png").ndim == 3


def test_saved_parameters_can_be_tested_again(short: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    out, text = short
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    flags = [*SHORT, "--epochs", "0", "--out", str(out)]
    assert main([*flags, "--params", str(out / "params.safetensors")]) == 0
    assert re.findall("test accuracy.*", capsys.readouterr().out) == re.findall("test accuracy.*", text)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert text.startswith("backprop-jax: error: ")
    assert text.count("\n") == 1
    return text


def test_a_batch_larger_than_the_data_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LINEAR, "--batch-size", "1259"]) == 2
    assert "--batch-size 1259 is larger than the 1258 training images" in refusal(capsys)


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("here")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main([*LINEAR, "--out", str(out)]) == 2
        assert f"--out {out} is no folder that can be written: " in refusal(capsys)
    assert (tmp_path / "file").read_text() == "here"


def test_an_output_folder_without_permission_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(dir: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", deny)
    assert main([*LINEAR, "--out", str(tmp_path)]) == 2
    assert "Permission denied" in refusal(capsys)


@pytest.mark.parametrize("damage", ["missing", "truncated", "of another model"])
def test_bad_parameter_files_are_refused(
    damage: str, short: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "params.safetensors"
    whole = (short[0] / "params.safetensors").read_bytes()
    if damage != "missing":
        path.write_bytes(whole[:-1] if damage == "truncated" else whole)
    assert main([*LINEAR, "--params", str(path), "--out", str(tmp_path / "out")]) == 2
    expected = {
        "missing": "there is no parameter file at",
        "truncated": "is truncated or not a safetensors file",
        "of another model": "1/w is float32[64, 32], the model's is float32[64, 10]",
    }
    assert expected[damage] in refusal(capsys)
    assert not (tmp_path / "out").exists()


def test_data_with_nan_are_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken():
        bunch = load()
        bunch.images[7, 2, 3] = np.nan
        return bunch

    import sklearn.datasets

    load = sklearn.datasets.load_digits
    monkeypatch.setattr("sklearn.datasets.load_digits", broken)
    assert main(LINEAR) == 1
    assert "--data digits8x8: inputs must be finite, but example 7 holds nan at x[7, 2, 3, 0]" in refusal(capsys)


def test_divergence_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LINEAR, "--optimizer", "sgd", "--learning-rate", "1e38", "--out", str(tmp_path)]) == 1
    told, file = refusal(capsys), tmp_path / "replay.safetensors"
    assert "it diverged, lower the learning rate; first not finite: loss, forward: " in told
    assert told.endswith(f"see it again by: backprop-jax replay {file}\n")
    assert {path.name for path in tmp_path.iterdir()} == {file.name, *UNLOGGED}
    assert main(["replay", str(file)]) == 0
    assert "first not finite: loss, forward: " in capsys.readouterr().out


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """The system refuses to let any file grow beyond 1,000 bytes, as one with a full disk would."""
    (tmp_path / "params.safetensors").write_bytes(b"old")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
    # -B: a module cache cut off by the limit would break every later import.
    command = [sys.executable, "-B", "-c", limit + RUN, *LINEAR, "--epochs", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 1
    *warned, error = done.stderr.splitlines()
    assert error == f"backprop-jax: error: {tmp_path / 'params.safetensors'} cannot be written: File too large"
    assert warned and all(re.match("backprop-jax: warning: a checkpoint in .* File too large", line) for line in warned)
    assert (tmp_path / "params.safetensors").read_bytes() == b"old"


def test_a_wrong_gradient_ends_the_job(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(objective, *rest) -> list[CrossCheck]:
        return [CrossCheck("1", objective.layer, 0.5, 0.5)]

    monkeypatch.setattr(job, "cross_check", wrong)
    assert main(["train", "digits", "--model", "linear", "--epochs", "0"]) == 1
    assert "the gradient of layer 1 differs from jax.grad by 5.0e-01" in refusal(capsys)


@pytest.mark.parametrize("model", ["mlp", "residual", "linear"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_every_model_and_optimizer_can_be_chosen(model, optimizer) -> None:
    from backprop_jax.cli.flags import TrainDigits
    from tests.train.tiny import clouds

    flags = TrainDigits(model=model, optimizer=optimizer, width=4)
    params, _ = jax.eval_shape(train_digits.build_classifier(flags, clouds()).init, jax.random.key(0), clouds().test.x)
    jax.eval_shape(train_digits._optimizer(replace(flags, epochs=0), 0).init, params)
    jax.eval_shape(train_digits._optimizer(flags, 100).init, params)


def interrupted(marker: str, *flags: str, setup: str = "") -> tuple[int, str, str]:
    """Exit status, output from the marker on, and errors of a run that gets a Ctrl-C when it prints the marker."""
    # Python handles SIGINT only if it was not ignored when the tests were started, in the background for instance.
    setup += "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    command = [sys.executable, "-c", setup + RUN, *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        timer = threading.Timer(TIMEOUT, process.kill)  # ends the reading too
        timer.start()
        try:
            found = any(line.startswith(marker) for line in process.stdout)
            process.send_signal(signal.SIGINT)
            text, errors = process.communicate()
        finally:
            timer.cancel()
            process.kill()
    assert found, errors
    return process.returncode, text, errors


def test_control_c_keeps_what_is_learned(tmp_path: Path) -> None:
    status, text, errors = interrupted("epoch   3", *LINEAR, "--epochs", "100000", "--out", str(tmp_path))
    assert status == 130
    assert re.fullmatch(r"backprop-jax: interrupted after \d+ of 100000 epochs; everything so far is written\n", errors)
    assert "test accuracy" in text
    assert {path.name for path in tmp_path.iterdir()} == {"params.safetensors", "history.csv", "report.png", *UNLOGGED}


def test_control_c_after_the_last_epoch_keeps_what_is_learned(tmp_path: Path) -> None:
    status, _, errors = interrupted("Confusion matrix", *LINEAR, "--epochs", "1", "--out", str(tmp_path))
    assert status == 130
    assert errors == "backprop-jax: interrupted; files not yet listed as written are not there\n"
    assert {path.name for path in tmp_path.iterdir()} >= {"params.safetensors", "history.csv"}


def test_control_c_before_the_training_ends_the_process_at_once(tmp_path: Path) -> None:
    """Without the interpreter's teardown, in which the threads of a compilation would crash."""
    teardown = "import atexit, os; atexit.register(os.write, 2, b'teardown'); "
    flags = ["train", "digits", "--out", str(tmp_path)]
    status, _, errors = interrupted("Relative difference", *flags, setup=teardown)
    assert status == 130
    assert errors == "backprop-jax: interrupted; files not yet listed as written are not there\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
@pytest.mark.parametrize("flags", [[*LINEAR, "--epochs", "0"], ["--help"]], ids=["run", "help"])
def test_output_to_a_full_device_is_no_traceback(flags: list[str]) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-c", RUN, *flags]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
    assert done.returncode == 1
    assert done.stderr == "backprop-jax: error: No space left on device\n"


@pytest.mark.slow
def test_the_default_run_reaches_97_percent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "digits", "--out", str(tmp_path)]) == 0
    (accuracy,) = re.findall(r"test accuracy ([\d.]+)%", capsys.readouterr().out)
    assert float(accuracy) >= 97
