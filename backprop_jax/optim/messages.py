"""Messages at run time, from inside compiled code."""

from __future__ import annotations

from typing import Any

import jax
from jax import lax


def print_if(condition: Any, message: str, **values: Any) -> None:
    """Print the message and the named values where the condition, which may be traced, holds."""
    text = message + "".join(f" {name}={{{name}}}" for name in values)
    lax.cond(condition, lambda: jax.debug.print(text, ordered=True, **values), lambda: None)
