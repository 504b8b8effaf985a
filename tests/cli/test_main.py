import importlib.util
import subprocess
import sys

import jax
import pytest

from backprop_jax import cli


def test_missing_extras_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("tyro", "rich") else find_spec(name))
    assert cli.main(["train", "digits"]) == 1
    assert capsys.readouterr().err == (
        "backprop-jax: error: rich, tyro not installed: pip install 'backprop-jax[cli]'\n"
    )


def test_a_device_without_memory_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = ["RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\nmore", "INTERNAL: broken"]

    def exhausted(flags: object) -> int:
        raise jax.errors.JaxRuntimeError(errors.pop(0))

    monkeypatch.setattr(importlib.import_module("backprop_jax.cli.train_digits"), "train_digits", exhausted)
    assert cli.main(["train", "digits"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("backprop-jax: error: the device is out of memory: RES") and told.count("\n") == 1
    with pytest.raises(jax.errors.JaxRuntimeError):
        cli.main(["train", "digits"])


def test_an_interrupt_outside_training_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(flags: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("backprop_jax.cli.train_digits"), "train_digits", interrupt)
    assert cli.main(["train", "digits"]) == 130
    assert capsys.readouterr().err.startswith("backprop-jax: interrupted")


def test_an_interrupt_during_the_imports_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.util, "find_spec", interrupt)
    assert cli.main(["train", "digits"]) == 130
    assert capsys.readouterr().err.startswith("backprop-jax: interrupted")


def test_the_import_loads_no_optional_package() -> None:
    program = f"import backprop_jax.cli, sys; print(sorted(set(sys.modules) & {set(cli.EXTRA)}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
