"""Plain functions to give to `fit`, and one made of several."""

from collections.abc import Callable
from typing import Any

__all__ = ["each"]


def each(*callbacks: Callable[..., None] | None) -> Callable[..., None]:
    """One callback that calls these, in turn: `fit(..., on_epoch=each(show, record))`. None is left out."""

    def call(*report: Any) -> None:
        for callback in callbacks:
            if callback is not None:
                callback(*report)

    return call
