"""The values that settings may have."""

import math
from collections.abc import Callable
from typing import Any

__all__ = ["check_ranges"]

_at_least_0: Callable[[float], bool] = lambda value: 0 <= value < math.inf
_at_least_1: Callable[[float], bool] = lambda value: 1 <= value < math.inf
_positive: Callable[[float], bool] = lambda value: 0 < value < math.inf
_fraction: Callable[[float], bool] = lambda value: 0 <= value < 1

# Of the flags of all commands, in words and as a test.
RULES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "learning_rate": ("a positive number", _positive),
    "epochs": ("0 or more", _at_least_0),
    "batch_size": ("1 or more", _at_least_1),
    "label_smoothing": ("at least 0 and less than 1", _fraction),
    "weight_decay": ("0 or more", _at_least_0),
    "seed": ("from 0 to 4294967295", lambda seed: 0 <= seed < 2**32),
    "width": ("1 or more", _at_least_1),
    "depth": ("0 or more", _at_least_0),
    "dropout": ("at least 0 and less than 1", _fraction),
    "image_size": ("1 or more", _at_least_1),
    "vocabulary_size": ("256 or more", lambda size: size >= 256),
    "layers": ("1 or more", _at_least_1),
    "embedding_width": ("1 or more", _at_least_1),
    "heads": ("1 or more", _at_least_1),
    "steps": ("1 or more", _at_least_1),
    "rounds": ("1 or more", _at_least_1),
    "length": ("1 or more", _at_least_1),
    "temperature": ("a positive number", _positive),
    "top": ("1 or more", _at_least_1),
    "top_k": ("1 or more", _at_least_1),
    "top_p": ("above 0 and at most 1", lambda value: 0 < value <= 1),
}


def check_ranges(flags: Any, name_of: Callable[[str], str]) -> None:
    """ValueError for what no run could be made of; `name_of(field)` is what the user calls a setting."""
    for name, (words, fits) in RULES.items():
        value = getattr(flags, name, None)
        if value is not None and not fits(value):
            raise ValueError(f"{name_of(name)} must be {words}, not {value}")
