"""When figures are too noisy to publish."""

from collections.abc import Mapping, Sequence

from benchmarks.runner import Result
from benchmarks.timing import summarize

__all__ = ["busy_before", "disturbed"]

MAX_BUSY = 0.10  # of the cores at hand before the start
MAX_NEIGHBOURS = 0.05  # of the cores at hand during the turns of a worker
MAX_SPREAD = 0.10
MIN_ROUNDS = 5  # of fewer there are no quartiles worth the name


def busy_before(share: float) -> list[str]:
    """Why not to start."""
    return [f"{share:.0%} of the CPU is in use before the start, more than {MAX_BUSY:.0%}"] if share > MAX_BUSY else []


def disturbed(results: Sequence[Result], neighbours: Mapping[str, float | None]) -> list[str]:
    """Why not to trust what was measured; `neighbours` has an entry a framework."""
    reasons = []
    for framework, share in neighbours.items():
        if share is not None and share > MAX_NEIGHBOURS:
            reasons.append(f"{framework} shared the CPU: others used {share:.0%}, more than {MAX_NEIGHBOURS:.0%}")
    if any(len(result.seconds) < MIN_ROUNDS for result in results):
        return [*reasons, f"fewer than {MIN_ROUNDS} rounds tell no spread"]
    worst = max(results, key=lambda result: summarize(result.seconds).spread)
    if (spread := summarize(worst.seconds).spread) > MAX_SPREAD:
        reasons.append(f"{worst.name} on {worst.case} spreads by {spread:.0%}, more than {MAX_SPREAD:.0%}")
    return reasons
