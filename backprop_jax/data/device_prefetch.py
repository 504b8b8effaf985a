"""Batches on the device before they are asked for."""

import atexit
import queue
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from typing import Any, NamedTuple

import jax

from backprop_jax.core.layer import PyTree
from backprop_jax.core.whole_number import whole_number

__all__ = ["prefetch_to_device"]


class _Outcome(NamedTuple):
    batch: PyTree
    error: BaseException | None  # StopIteration at the end


def prefetch_to_device(
    batches: Iterable[PyTree], size: int = 2, sharding: jax.sharding.Sharding | None = None
) -> Generator[PyTree, None, None]:
    """The same batches, loaded and put on the device by a thread while the steps before them are taken.

    Up to `size` wait there, one more is on its way, and one is in use: the memory holds that many. With `sharding` the
    batches are divided by it, among several processes too, of which each gives its own part.

    The thread begins with the first batch. What loading raises is raised where that batch would have come. Close the
    iterator, or let it go out of use, to stop the thread and close `batches`, if they can be.

    Raises:   ValueError, at the call, if size is no whole number of 1 or more.
    """
    ahead = whole_number(size, least=1)
    if ahead is None:
        raise ValueError(f"prefetching takes a whole number of 1 batch or more, not {size!r}")
    return _prefetched(batches, ahead, sharding)


def _prefetched(
    batches: Iterable[PyTree], size: int, sharding: jax.sharding.Sharding | None
) -> Generator[PyTree, None, None]:
    ready: queue.Queue[_Outcome] = queue.Queue(size)
    stop = threading.Event()
    # What `with jax.enable_x64(True)` and `with jax.default_device(...)` say is said to one thread alone.
    said = _settings_here()

    def load() -> None:
        with said():
            _load(batches, ready, stop, sharding)

    # A daemon, so that a program which forgets the iterator ends all the same.
    loader = threading.Thread(target=load, name="prefetch", daemon=True)

    def end() -> None:
        stop.set()
        _empty(ready)  # the thread may be waiting for room
        loader.join()

    atexit.register(end)  # the thread has to close the worker processes, for which grain waits half a minute otherwise
    loader.start()
    try:
        while (outcome := ready.get()).error is None:
            yield outcome.batch
        if not isinstance(outcome.error, StopIteration):
            raise outcome.error
    finally:
        atexit.unregister(end)
        end()


def _settings_here() -> Callable[[], ExitStack]:
    """The precision and the device of this thread, to be entered in another."""
    wide, device = jax.config.jax_enable_x64, jax.config.jax_default_device  # type: ignore[attr-defined]

    def enter() -> ExitStack:
        stack = ExitStack()
        stack.enter_context(jax.enable_x64(wide))
        stack.enter_context(jax.default_device(device))
        return stack

    return enter


def _load(
    batches: Iterable[PyTree],
    ready: queue.Queue[_Outcome],
    stop: threading.Event,
    sharding: jax.sharding.Sharding | None,
) -> None:
    iterator = None
    try:
        iterator = iter(batches)
        while not stop.is_set():
            ready.put(_Outcome(_put(next(iterator), sharding), None))
    except BaseException as error:  # told to whoever waits for the batch
        ready.put(_Outcome(None, error))
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


def _put(batch: PyTree, sharding: jax.sharding.Sharding | None) -> PyTree:
    if sharding is None:
        return jax.device_put(batch)
    return jax.tree.map(lambda part: jax.make_array_from_process_local_data(sharding, part), batch)


def _empty(ready: queue.Queue[Any]) -> None:
    while True:
        try:
            ready.get_nowait()
        except queue.Empty:
            return
