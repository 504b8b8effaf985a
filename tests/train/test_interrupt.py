import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from backprop_jax.train.interrupt import catch_interrupt


@pytest.fixture(autouse=True)
def python_handles_interrupts() -> Iterator[None]:
    """As in a program started from a terminal, however the tests were started."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def test_the_first_is_noted_and_the_second_raises() -> None:
    with catch_interrupt() as interrupt:
        assert interrupt.requested is None
        press()
        assert interrupt.requested is signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            press()
    with pytest.raises(KeyboardInterrupt):
        press()


def test_the_handler_of_the_program_around_stays() -> None:
    pressed = []
    signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    with catch_interrupt() as interrupt:
        press()
    assert pressed == [signal.SIGINT]
    assert interrupt.requested is None


def test_notice_of_the_end_is_noted_too_and_the_second_ends_the_program() -> None:
    with catch_interrupt() as interrupt:
        press(signal.SIGTERM)
        assert interrupt.requested is signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with catch_interrupt():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_other_threads_are_left_alone() -> None:
    def body() -> bool:
        with catch_interrupt():
            return signal.getsignal(signal.SIGINT) is signal.default_int_handler

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(body).result()
