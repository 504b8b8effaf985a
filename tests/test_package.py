import subprocess
import sys

import pytest

import backprop_jax as bp

OPTIONAL = [
    "grain",
    "orbax",
    "tensorboardX",
    "tomli_w",
    "optax",
    "flax",
    "sklearn",
    "matplotlib",
    "rich",
    "tyro",
    "safetensors",
    "mlxtend",
    "PIL",
    "tokenizers",
    "equinox",
    "torch",
    "scipy.stats",
]


def test_import_loads_no_optional_package() -> None:
    modules = "backprop_jax.data, backprop_jax.models, backprop_jax.optim, backprop_jax.testing, backprop_jax.train"
    probe = f"import {modules}, sys; print([name for name in {OPTIONAL!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.strip() == "[]"


def test_all_is_complete_and_true() -> None:
    for module in (bp, bp.losses, bp.optim, bp.initializers, bp.testing, bp.train, bp.data, bp.models):
        assert sorted(module.__all__) == sorted(set(module.__all__)), module
        assert all(hasattr(module, name) for name in module.__all__), module


def test_import_is_quick() -> None:
    """At most 0.15 s beyond jax's own import: processor time, for the machine may be busy, and the best of three."""
    probe = "import jax.numpy; from time import process_time as t; start = t(); import backprop_jax; print(t() - start)"
    run = lambda: subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=120)
    assert min(float(run().stdout) for _ in range(3)) < 0.15


def test_unknown_names_are_no_modules() -> None:
    with pytest.raises(AttributeError, match="no attribute 'optimizers'"):
        bp.optimizers  # type: ignore[attr-defined]  # noqa: B018
    assert {"optim", "train", "Dense"} <= set(dir(bp))
