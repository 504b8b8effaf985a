import subprocess
import sys

import backprop_jax as bp

OPTIONAL = [
    "optax",
    "flax",
    "sklearn",
    "matplotlib",
    "rich",
    "tyro",
    "safetensors",
    "mlxtend",
    "equinox",
    "torch",
    "scipy.stats",
]


def test_import_loads_no_optional_package() -> None:
    probe = f"import backprop_jax, sys; print([name for name in {OPTIONAL!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=120)
    assert found.stdout.strip() == "[]"


def test_all_is_complete_and_true() -> None:
    for module in (bp, bp.losses, bp.optim, bp.initializers, bp.testing, bp.train, bp.data, bp.models):
        assert sorted(module.__all__) == sorted(set(module.__all__)), module
        assert all(hasattr(module, name) for name in module.__all__), module
