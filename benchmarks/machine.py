"""Which machine this is, and whether anybody else uses it."""

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["Neighbours", "busy_share", "describe", "versions"]

CPU_TIMES = Path("/proc/stat")  # Linux; elsewhere the load average must do
PACKAGES = ("backprop-jax", "jax", "jaxlib", "flax", "optax", "equinox", "torch", "numpy")


def busy_share(seconds: float = 1.0) -> float:
    """The share of the cores at hand that is in use while this process does nothing.

    Where CPU times can be read this is measured over some seconds. The load average, the fallback, lags by a minute.
    """
    if not CPU_TIMES.exists():
        return min(1.0, os.getloadavg()[0] / cores())
    busy, total = _cpu_seconds()
    time.sleep(seconds)
    later_busy, later_total = _cpu_seconds()
    return (later_busy - busy) / (later_total - total)


class Neighbours:
    """What others use of the cores at hand while this process works: `with neighbours: work()`, as often as you like.

    A steady neighbour slows every contestant alike and so leaves the spread small; this is what tells of it.
    """

    def __init__(self) -> None:
        self._others = self._total = 0.0

    def __enter__(self) -> None:
        if CPU_TIMES.exists():
            self._start = (*_cpu_seconds(), time.process_time())

    def __exit__(self, *exception: object) -> None:
        if CPU_TIMES.exists():
            now = (*_cpu_seconds(), time.process_time())
            busy, total, own = (after - before for after, before in zip(now, self._start, strict=True))
            self._others += busy - own  # of one visit possibly negative, for the system counts in ticks
            self._total += total

    @property
    def share(self) -> float | None:
        """Of the cores at hand, over all visits; None where the system does not tell."""
        return max(0.0, self._others / self._total) if self._total else None


def _cpu_seconds() -> tuple[float, float]:
    """Busy and total seconds since boot of the cores that this process may use."""
    lines = [line.split() for line in CPU_TIMES.read_text().splitlines() if line.startswith("cpu")]
    ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    # The first line is the sum of all; it must do in a container that numbers its cores anew.
    counted = [line for line in lines if line[0] in ours] or lines[:1]
    ticks = [sum(map(int, fields)) for fields in list(zip(*counted, strict=False))[1:9]]
    idle = ticks[3] + ticks[4]  # the fourth is idle, the fifth waits for a disk
    per_second = os.sysconf("SC_CLK_TCK")
    return (sum(ticks) - idle) / per_second, sum(ticks) / per_second


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> dict[str, str | int]:
    """The machine, without its name, and the one setting of the user's that PyTorch's speed hangs on."""
    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", "default"),
    }


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Python's version and those of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
