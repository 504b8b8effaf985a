"""Two processes learn the same, bit for bit, and the flag that makes a GPU do so is set in time or asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from backprop_jax import train
from backprop_jax.train.reproducibility import _backend_has_started
from tests.train.reproduced import digest


def in_another_process(*names: str) -> dict[str, str]:
    command = [sys.executable, "-m", "tests.train.reproduced", *names]
    root = Path(__file__).parents[2]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_another_process_learns_the_same() -> None:
    assert in_another_process("mlp") == {"mlp": digest("mlp")}
    assert digest("mlp", steps=2) != digest("mlp")


@pytest.mark.slow
def test_two_processes_learn_the_same_whatever_the_model() -> None:
    first = in_another_process()
    assert first.keys() == {"mlp", "conv", "lstm", "gpt"} and in_another_process() == first


def test_once_the_backend_has_started_it_is_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    jax.devices()
    devices = jax.config.jax_num_cpu_devices
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_deterministic_ops_of_another_name=true")
    with pytest.raises(RuntimeError, match=r"before the first array.*XLA_FLAGS=--xla_gpu_deterministic_ops=true"):
        train.deterministic()
    assert _backend_has_started() and jax.config.jax_num_cpu_devices == devices


@pytest.mark.parametrize("flag", ["=true", "=1", ""])
def test_the_flag_in_the_environment_is_enough(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = f"--xla_cpu_enable_fast_math=false --xla_gpu_deterministic_ops{flag}"
    monkeypatch.setenv("XLA_FLAGS", flags)
    train.deterministic()
    assert os.environ["XLA_FLAGS"] == flags


def test_a_flag_that_says_the_opposite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_deterministic_ops=false")
    with pytest.raises(ValueError, match="=false, which says the opposite"):
        train.deterministic()


def test_before_the_backend_starts_the_flag_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backprop_jax.train.reproducibility._backend_has_started", lambda: False)
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    train.deterministic()
    assert os.environ["XLA_FLAGS"] == "--xla_cpu_enable_fast_math=false --xla_gpu_deterministic_ops=true"
