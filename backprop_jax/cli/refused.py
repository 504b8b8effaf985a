"""How the command line says no."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Refused", "refusing"]


class Refused(Exception):
    """Why the work was not done, in one line, and the exit status that goes with it: 2 if the flags are at fault."""

    def __init__(self, reason: object, status: int = 2) -> None:
        super().__init__(" ".join(str(reason).split()))
        self.status = status


@contextmanager
def refusing(*errors: type[Exception], prefix: str = "", status: int = 2) -> Iterator[None]:
    """Turn the errors that the body is expected to meet into Refused; others are bugs and keep their traceback.

    What the system says loses its number, and its path unless that is of a file which the prefix does not name.
    """
    try:
        yield
    except errors as error:
        raise Refused(f"{prefix}{_reason(error, prefix)}", status) from error


def _reason(error: Exception, prefix: str) -> str:
    if isinstance(error, FloatingPointError):
        return str(error).partition("\n")[0]  # the rest is what `backprop-jax replay` prints
    if not (isinstance(error, OSError) and error.strerror):
        return str(error)
    # One that is written does not exist if it cannot be; its name is for the time of writing, and tells nothing.
    path = str(error.filename)
    unnamed = path not in prefix and os.path.lexists(path)
    return f"{path}: {error.strerror}" if unnamed else error.strerror
