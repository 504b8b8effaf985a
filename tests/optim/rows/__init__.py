"""The rows of the catalogue: for every public name of `backprop_jax.optim`, calls that are valid for us and for optax.

Each module here defines some of the tables `TRANSFORMS`, `RECIPES` and `SCHEDULES`: from a name to its cases. Names
that optax does not have, or that are no transforms, stand in `ELSEWHERE`, with the test file that proves them.
"""

from __future__ import annotations

import importlib
import pkgutil

from tests.optim.case import Case

TRANSFORMS: dict[str, list[Case]] = {}
RECIPES: dict[str, list[Case]] = {}
SCHEDULES: dict[str, list[Case]] = {}
ELSEWHERE: dict[str, str] = {}

for _info in pkgutil.iter_modules(__path__):
    _module = importlib.import_module(f"{__name__}.{_info.name}")
    for _name, _table in (("TRANSFORMS", TRANSFORMS), ("RECIPES", RECIPES), ("SCHEDULES", SCHEDULES)):
        for _key, _cases in getattr(_module, _name, {}).items():
            assert _key not in _table, f"{_key} has rows in two modules"
            _table[_key] = [case if isinstance(case, Case) else Case(case) for case in _cases]
    ELSEWHERE |= getattr(_module, "ELSEWHERE", {})
