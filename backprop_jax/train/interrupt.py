"""Ctrl-C, or the end that a system gives notice of, as a request and not an accident."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Interrupt", "catch_interrupt"]

# What each does where nobody handles it; another handler is the program's around, and stays.
DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


@dataclass
class Interrupt:
    """By which signal the work is asked to end, if it is."""

    requested: signal.Signals | None = None


@contextmanager
def catch_interrupt() -> Iterator[Interrupt]:
    """While the body runs, the first Ctrl-C or SIGTERM only sets `requested`; the second does what it always does.

    An exception in the middle of a step would lose the parameters: the old ones are donated before the new ones have a
    name. In a thread other than the main one, and where the signal is ignored or handled by the program around, it does
    nothing.
    """
    interrupt = Interrupt()
    in_main_thread = threading.current_thread() is threading.main_thread()
    caught = [number for number, default in DEFAULTS.items() if in_main_thread and signal.getsignal(number) is default]

    def request(number: int, frame: object) -> None:
        interrupt.requested = signal.Signals(number)
        restore()

    def restore() -> None:
        for number in caught:
            signal.signal(number, DEFAULTS[number])

    for number in caught:
        signal.signal(number, request)
    try:
        yield interrupt
    finally:
        restore()
