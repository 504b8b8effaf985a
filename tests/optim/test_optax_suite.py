"""The quicker files of optax's own tests, with our optimizers in place of its: `python -m tests.optim.optax_suite`
runs all of them, in ten minutes."""

import re
import subprocess
import sys

import pytest

FILES = [
    "_src/base_test.py",
    "_src/combine_test.py",
    "_src/transform_test.py",
    "_src/update_test.py",
    "schedules/_inject_test.py",
    "schedules/_join_test.py",
    "schedules/_schedule_test.py",
    "transforms/_combining_test.py",
    "transforms/_conditionality_test.py",
    "transforms/_constraining_test.py",
    "transforms/_freezing_test.py",
    "transforms/_masking_test.py",
    "tree_utils/_state_utils_test.py",
]


def test_optax_own_tests_hold() -> None:
    pytest.importorskip("sklearn")  # which they import
    command = [sys.executable, "-m", "tests.optim.optax_suite", *FILES]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout[-5000:]
    (passed,) = re.findall(r"(\d+) passed", run.stdout)
    assert int(passed) > 150
