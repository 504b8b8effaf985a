"""Short runs, each made once, for all that is done with a run that is over. They are read and not written to."""

import contextlib
import io
from pathlib import Path

import pytest

from backprop_jax.cli import main

FOX = "the quick brown fox jumps over the lazy dog. " * 24


def made(out: Path, *flags: str) -> Path:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
        assert main(["train", *flags, "--out", str(out)]) == 0, errors.getvalue()
    return out


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "digits"
    return made(out, "digits", "--model", "linear", "--epochs", "2", "--no-cross-check")


@pytest.fixture(scope="session")
def fox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "fox.txt"
    path.write_text(FOX)
    return path


@pytest.fixture(scope="session")
def text_run(fox: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = ["--width", "16", "--embedding-width", "4", "--steps", "8", "--batch-size", "4"]
    out = tmp_path_factory.mktemp("runs") / "text"
    return made(out, "text", "--data", str(fox), *sizes, "--learning-rate", "0.05", "--epochs", "2", "--log")
