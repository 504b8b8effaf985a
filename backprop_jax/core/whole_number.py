"""Whole numbers among the settings."""

from numbers import Integral
from typing import Any

__all__ = ["whole_number"]


def whole_number(value: Any, least: int) -> int | None:
    """The value as an int, be it Python's or numpy's; None for a bool, an array, less than `least`, and all else."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        return None
    return int(value)
