import threading
import time

import pytest

from benchmarks import machine
from benchmarks.bench import Costs
from benchmarks.machine import Neighbours
from benchmarks.noise import busy_before, disturbed
from benchmarks.runner import Result


def result(seconds: list[float]) -> Result:
    return Result("small", "ours", seconds, 1, Costs(None, None, None))


QUIET = result([1.0, 1.01, 1.0, 0.99, 1.0])


def test_a_quiet_run_is_published():
    assert busy_before(0.02) == []
    assert disturbed([QUIET], {"jax": 0.01, "torch": None}) == []


def test_a_busy_machine_is_not_started_on():
    assert busy_before(0.5) == ["50% of the CPU is in use before the start, more than 10%"]


@pytest.mark.parametrize(
    ("seconds", "neighbours", "reason"),
    [
        ([1.0, 2.0, 1.0, 2.0, 1.5], {}, "ours on small spreads by 67%, more than 10%"),
        (QUIET.seconds, {"jax": 0.2}, "jax shared the CPU: others used 20%, more than 5%"),
        ([1.0], {}, "fewer than 5 rounds tell no spread"),
    ],
)
def test_a_disturbed_run_is_not(seconds, neighbours, reason):
    assert disturbed([QUIET, result(seconds)], neighbours) == [reason]


def test_neighbours_are_told_from_oneself(monkeypatch):
    """Two cores for ten seconds, of which this process uses eight and everybody together eleven."""
    readings = iter([(100.0, 500.0), (111.0, 520.0)])
    own = iter([3.0, 11.0])
    monkeypatch.setattr(machine, "_cpu_seconds", lambda: next(readings))
    monkeypatch.setattr(time, "process_time", lambda: next(own))
    monkeypatch.setattr(machine, "CPU_TIMES", machine.Path(__file__))
    neighbours = Neighbours()
    assert neighbours.share is None
    with neighbours:
        pass
    assert neighbours.share == pytest.approx(3 / 20)


def test_busy_share_sees_work():
    """Only the lower bound: other tests may run at the same time."""
    stop = threading.Event()

    def spin():
        while not stop.is_set():
            pass

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        assert machine.busy_share(0.3) > 0.5 / machine.cores()
    finally:
        stop.set()
        thread.join()
