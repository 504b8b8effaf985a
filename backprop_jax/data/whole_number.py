"""Whole numbers among the settings."""

import operator
from typing import Any

__all__ = ["whole_number"]


def whole_number(value: Any, least: int) -> int | None:
    """The value as an int, be it Python's or numpy's; None for a bool, for less than `least`, and for all else."""
    if isinstance(value, bool):
        return None
    try:
        number = operator.index(value)
    except TypeError:
        return None
    return number if number >= least else None
