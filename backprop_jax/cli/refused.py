"""How the command line says no."""

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
    """Turn the errors that the body is expected to meet into Refused; others are bugs and keep their traceback."""
    try:
        yield
    except errors as error:
        # Without "[Errno 20]" and a path that the prefix names already.
        raise Refused(f"{prefix}{getattr(error, 'strerror', None) or error}", status) from error
