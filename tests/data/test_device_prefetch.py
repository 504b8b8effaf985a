import threading
import time
from collections.abc import Iterator

import jax
import numpy as np
import pytest

from backprop_jax.data import prefetch_to_device

WAIT = 10.0  # seconds, of which good code needs next to none


class Batches:
    """Counts what is taken, and tells when it is closed."""

    def __init__(self, count: int = 9, error: Exception | None = None) -> None:
        self.count, self.error, self.taken, self.closed = count, error, 0, threading.Event()

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        if self.taken == self.count:
            raise self.error or StopIteration
        self.taken += 1
        return {"x": np.full((4, 2), self.taken, np.float32)}

    def close(self) -> None:
        self.closed.set()


def until(condition) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_the_same_batches_on_the_device() -> None:
    batches = Batches()
    seen = list(prefetch_to_device(batches))
    assert [float(batch["x"][3, 1]) for batch in seen] == [*range(1, 10)]
    assert all(isinstance(batch["x"], jax.Array) for batch in seen)
    assert batches.closed.wait(WAIT)


def test_as_many_as_asked_for_are_loaded_ahead() -> None:
    batches = Batches()
    ahead = prefetch_to_device(batches, size=3)
    time.sleep(0.01)
    assert batches.taken == 0
    next(ahead)
    until(lambda: batches.taken == 5)  # one given, three that wait, and one in hand
    time.sleep(0.02)
    assert batches.taken == 5
    ahead.close()


def test_loading_goes_on_while_a_step_is_taken() -> None:
    """Three steps of 0.1 seconds and four batches as slow take 0.4 seconds, where one after the other takes 0.7."""

    def slow() -> Iterator[np.ndarray]:
        for _ in range(4):
            time.sleep(0.1)
            yield np.zeros(2)

    ahead = prefetch_to_device(slow())
    next(ahead)
    waited = 0.0
    for _ in range(3):
        time.sleep(0.1)
        begin = time.perf_counter()
        next(ahead)
        waited += time.perf_counter() - begin
    assert waited < 0.2  # of 0.3


def test_what_loading_raises_comes_in_its_place_and_ends_it() -> None:
    ahead = prefetch_to_device(Batches(count=2, error=ValueError("record 7 holds nan")))
    for _ in range(2):
        next(ahead)
    with pytest.raises(ValueError, match="record 7 holds nan"):
        next(ahead)
    assert next(ahead, None) is None
    with pytest.raises(TypeError, match="not iterable"):
        next(prefetch_to_device(5))  # type: ignore[arg-type]


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_closing_stops_the_thread_and_closes_the_batches(taken: int) -> None:
    before = threading.active_count()
    batches = Batches(count=1000)
    ahead = prefetch_to_device(batches, size=1)
    for _ in range(taken):
        next(ahead)
    ahead.close()
    assert threading.active_count() == before
    assert batches.closed.is_set() == (taken > 0)
    assert next(ahead, None) is None


def test_out_of_use_it_is_closed() -> None:
    batches = Batches(count=1000)
    next(prefetch_to_device(batches))
    assert batches.closed.wait(WAIT)


def test_divided_by_a_sharding() -> None:
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), "data")
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    (batch,) = prefetch_to_device([{"x": np.arange(6.0).reshape(3, 2)}], sharding=sharding)
    assert batch["x"].sharding == sharding
    np.testing.assert_array_equal(batch["x"], np.arange(6.0).reshape(3, 2))


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_it_prefetches_something(size: int) -> None:
    with pytest.raises(ValueError, match="a whole number of 1 batch or more"):
        prefetch_to_device([], size)


def test_the_precision_of_the_caller_is_that_of_the_thread() -> None:
    with jax.enable_x64(True):
        (batch,) = prefetch_to_device([np.float64([0.1])])
        assert batch.dtype == np.float64
    (batch,) = prefetch_to_device([np.float64([0.1])])
    assert batch.dtype == np.float32
