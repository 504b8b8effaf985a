"""What update must be called with, beyond the gradient and the state."""

from __future__ import annotations

from typing import Any

from backprop_jax.optim.leafwise import PyTree


def require_params(owner: object, params: PyTree) -> None:
    """Raise ValueError, with the call to make, if the parameters were not given."""
    if params is None:
        raise ValueError(f"{type(owner).__name__}: update needs the parameters; call update(updates, state, params)")


def require_extra(owner: object, extra: dict[str, Any], *names: str) -> list[Any]:
    """The entries `names` of `extra`. Raises TypeError, with the call to make, if one is missing."""
    missing = [name for name in names if extra.get(name) is None]
    if missing:
        arguments = ", ".join(f"{name}={name}" for name in names)
        raise TypeError(
            f"{type(owner).__name__}: update needs {' and '.join(missing)}; "
            f"call update(updates, state, params, {arguments})"
        )
    return [extra[name] for name in names]
