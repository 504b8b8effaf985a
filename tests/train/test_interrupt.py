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


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_is_noted_and_the_second_raises() -> None:
    with catch_interrupt() as interrupt:
        assert not interrupt.requested
        press()
        assert interrupt.requested
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
    assert not interrupt.requested


def test_other_threads_are_left_alone() -> None:
    def body() -> bool:
        with catch_interrupt() as interrupt:
            return interrupt.requested

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(body).result() is False
