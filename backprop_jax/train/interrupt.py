"""Ctrl-C as a request, not an accident."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Interrupt", "catch_interrupt"]


@dataclass
class Interrupt:
    """Whether Ctrl-C was pressed."""

    requested: bool = False


@contextmanager
def catch_interrupt() -> Iterator[Interrupt]:
    """While the body runs, the first Ctrl-C only sets `requested`; the second raises KeyboardInterrupt as usual.

    An exception in the middle of a step would lose the parameters: the old ones are donated before the new ones have a
    name. In a thread other than the main one, and where Ctrl-C is ignored or handled by the program around, it does
    nothing.
    """
    interrupt = Interrupt()
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield interrupt
        return

    def request(number: int, frame: object) -> None:
        interrupt.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGINT, request)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
