import os
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


BEFORE = """cpu  1000 0 0 9000 0 0 0 0 0 0
cpu0 100 0 0 900 0 0 0 0 0 0
cpu1 0 0 0 1000 0 0 0 0 0 0
cpu12 200 10 20 1000 0 0 0 0 0 0
intr 1 2 3
"""
AFTER = """cpu  9000 0 0 9000 0 0 0 0 0 0
cpu0 900 0 0 900 0 0 0 0 0 0
cpu1 10 0 0 1060 30 0 0 0 0 0
cpu12 220 15 25 1070 0 0 0 0 0 0
intr 4 5 6
"""


@pytest.mark.parametrize(
    ("cores", "share"),
    [({1}, 10 / 100), ({1, 12}, (10 + 30) / (100 + 100)), ({77}, 1.0)],
    ids=["one core", "two cores", "numbered anew"],
)
def test_busy_share_sees_work_on_the_cores_at_hand(cores, share, monkeypatch, tmp_path):
    """Recorded readings of a machine on which the other core is busy all the time."""
    readings = tmp_path / "stat"
    readings.write_text(BEFORE)
    monkeypatch.setattr(machine, "CPU_TIMES", readings)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: cores, raising=False)
    monkeypatch.setattr(time, "sleep", lambda seconds: readings.write_text(AFTER))
    assert machine.busy_share() == pytest.approx(share)
