"""Run optax's own test-suite, which its package contains, with our transforms, recipes and schedules in place of its.

    python -m tests.optim.optax_suite                        every test file that uses a name of ours
    python -m tests.optim.optax_suite _src/alias_test.py -k adamw

Every public name of ours that optax has too is put into all of optax's modules before its tests are imported. Tests of
what we do differently on purpose are listed in `DIFFERENT`, with the reason; nothing else is left out.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

import optax
import pytest
from optax._src import base, linesearch

from backprop_jax import optim
from backprop_jax.optim.line_search import search_warnings

FILES = [
    "_src/alias_test.py",
    "_src/base_test.py",
    "_src/combine_test.py",
    "_src/factorized_test.py",
    "_src/float64_test.py",
    "_src/linesearch_test.py",
    "_src/lookahead_test.py",
    "_src/numerics_test.py",
    "_src/sharding_test.py",
    "_src/transform_test.py",
    "_src/update_test.py",
    "contrib/_common_test.py",
    "contrib/_galore_test.py",
    "contrib/_mechanic_test.py",
    "contrib/_muon_test.py",
    "contrib/_reduce_on_plateau_test.py",
    "contrib/_sam_test.py",
    "contrib/_schedule_free_test.py",
    "schedules/_inject_test.py",
    "schedules/_join_test.py",
    "schedules/_schedule_test.py",
    "transforms/_accumulation_test.py",
    "transforms/_adding_test.py",
    "transforms/_clipping_test.py",
    "transforms/_combining_test.py",
    "transforms/_conditionality_test.py",
    "transforms/_constraining_test.py",
    "transforms/_freezing_test.py",
    "transforms/_layouts_test.py",
    "transforms/_masking_test.py",
    "transforms/_monitoring_test.py",
    "tree_utils/_state_utils_test.py",
]

# part of a test's name: why it does not apply to us
DIFFERENT = {
    "ClippingTest::test_clip_by_block_rms": "optax's own fails it too: a root mean square in float32, to seven places",
}


def put_ours_in_place() -> set[str]:
    """Replace what optax and we both define, in every module of optax. Return the replaced names."""
    modules = [optax, *_submodules(optax)]
    replaced = set()
    for name in optim.__all__:
        ours = getattr(optim, name)
        if not callable(ours) or name in ("Schedule", "ScalarOrSchedule"):
            continue
        if getattr(ours, "__annotations__", {}).get("learning_rate") == "ScalarOrSchedule":
            # By this, and only by identity, its tests tell who takes a schedule.
            ours.__annotations__["learning_rate"] = base.ScalarOrSchedule
        theirs = getattr(optax, name, getattr(optax.contrib, name, None))
        for module in modules:
            # By identity: optax.tree.scale, for one, is another thing than optax.scale.
            if theirs is not None and vars(module).get(name) is theirs:
                setattr(module, name, ours)
                replaced.add(name)
    # What a line search prints when it fails says the same as optax's, in other words.
    for name in vars(search_warnings):
        if hasattr(linesearch, f"FLAG_{name}"):
            setattr(linesearch, f"FLAG_{name}", getattr(search_warnings, name))
    return replaced


def pytest_configure(config: pytest.Config) -> None:
    put_ours_in_place()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for part, reason in DIFFERENT.items():
            if part in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=reason))


def _submodules(package: ModuleType) -> list[ModuleType]:
    # _src is a folder without __init__.py, which a walk through the package alone would not enter.
    folders = {f"{package.__name__}.": package.__path__[0], f"{package.__name__}._src.": f"{package.__path__[0]}/_src"}
    names = [info.name for prefix, folder in folders.items() for info in pkgutil.walk_packages([folder], prefix)]
    return [importlib.import_module(name) for name in names if not name.endswith(("_test", "test_utils"))]


def main(arguments: list[str]) -> int:
    """Run pytest on the suite, or on the files named in `arguments`."""
    root = Path(optax.__file__).parent
    files = [part for part in arguments if part.endswith("_test.py")] or FILES
    rest = [part for part in arguments if part not in files]
    # Loaded as a plugin, so that it acts in the worker processes of pytest-xdist too.
    plugins = ["-p", "tests.conftest", "-p", "tests.optim.optax_suite", "-p", "no:cacheprovider"]
    return pytest.main(["-q", *plugins, *(str(root / file) for file in files), *rest])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
