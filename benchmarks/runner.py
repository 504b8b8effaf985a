"""Who runs when.

Whatever slows the machine for a while must fall on all contestants alike. So nobody runs all its rounds in one go:
each round gives everyone one turn, and the order changes from round to round.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.agreement import require_agreement
from benchmarks.bench import Bench, Costs
from benchmarks.contestants import CONTESTANTS
from benchmarks.errors import WorkerFailed
from benchmarks.workload import Workload

__all__ = ["Outcome", "Result", "measure"]

TURN_SECONDS = 0.15  # long enough that a clock's resolution and one late wake-up do not matter
LONG_STEP = 1.0  # seconds: caches and threads that wake matter to no step of this length
REFERENCES = ("jax_grad", "ours")  # whose gradients the others must equal, by preference


class Result(NamedTuple):
    """What one contestant needed on one case."""

    case: str
    name: str
    seconds: list[float]  # a step, in each round
    steps: int  # in a turn
    costs: Costs
    rates: Mapping[str, list[float]] = {}  # of a large product, by framework, in each round; where products are counted


class Outcome(NamedTuple):
    """What was measured, and who could not take part although it should."""

    results: list[Result]
    failed: dict[str, str]  # the reason, by contestant; what it did on earlier cases is in the results


def measure(
    workload: Workload, names: Sequence[str], benches: Mapping[str, Bench], rounds: int, say: Callable[[str], None]
) -> Outcome:
    """All contestants on all cases. `benches` has one entry a framework; `say` is told how far it is."""
    results: list[Result] = []
    failed: dict[str, str] = {}
    for case in workload.cases:
        for bench in benches.values():
            bench.open(case)
        here = [name for name in workload.present(case, names) if name not in failed]
        say(f"{workload.name}, {case}: compiling")
        costs, reasons = _compile({name: benches[CONTESTANTS[name].framework] for name in here}, rounds)
        for name, reason in reasons.items():
            say(f"{name} is left out: {reason}")
        failed |= reasons
        here = [name for name in here if name not in failed]
        of = {name: benches[CONTESTANTS[name].framework] for name in here}
        say(f"{workload.name}, {case}: comparing losses and gradients")
        _check(of, workload.gradient_tolerance)
        say(f"{workload.name}, {case}: warming up")
        turns = {name: _turn(bench, name) for name, bench in of.items()}
        say(f"{workload.name}, {case}: timing {rounds} rounds of about {TURN_SECONDS * len(here):.1f} s")
        seconds: dict[str, list[float]] = {name: [] for name in here}
        rates: dict[str, list[float]] = {framework: [] for framework in benches if case in workload.flops}
        for round_number in range(rounds):
            for framework, of_framework in rates.items():
                of_framework.append(benches[framework].matmul_rate())
            for name in order(here, round_number):
                seconds[name].append(of[name].turn(name, *turns[name]) / turns[name].steps)
        results += [Result(case, name, seconds[name], turns[name].steps, costs[name], rates) for name in here]
    return Outcome(results, failed)


def order(names: Sequence[str], round_number: int) -> list[str]:
    """Each starts as many rounds as any other; every second round goes backward, so that neighbours change too."""
    start = round_number // 2 % len(names)
    rotated = [*names[start:], *names[:start]]
    return rotated[::-1] if round_number % 2 else rotated


def _compile(of: Mapping[str, Bench], rounds: int) -> tuple[dict[str, Costs], dict[str, str]]:
    """The costs of compiling: medians, interleaved like the timing. And why those that may fail did."""
    samples: dict[str, list[Costs]] = {name: [] for name in of}
    failed: dict[str, str] = {}
    compilations = {name: min(bench.compilations, rounds) for name, bench in of.items()}
    for number in range(max(compilations.values())):
        for name, bench in of.items():
            if number < compilations[name] and name not in failed:
                try:
                    samples[name].append(bench.compile(name))
                except WorkerFailed as error:
                    if not CONTESTANTS[name].may_fail or len(of) == 1:
                        raise
                    failed[name] = str(error)
    there = {name: of_one for name, of_one in samples.items() if name not in failed}
    return {name: Costs(*map(_median, zip(*of_one, strict=True))) for name, of_one in there.items()}, failed


def _median(values: tuple) -> Any:
    return None if None in values else statistics.median(values)


def _check(of: Mapping[str, Bench], gradient_tolerance: float) -> None:
    reference_name = next((name for name in REFERENCES if name in of), next(iter(of)))
    reference = of[reference_name].check(reference_name)
    for name, bench in of.items():
        if name != reference_name:
            require_agreement(name, bench.check(name), reference_name, reference, gradient_tolerance)


class Turn(NamedTuple):
    """What a contestant does when it is its turn."""

    steps: int
    warm_up: bool


def _turn(bench: Bench, name: str) -> Turn:
    """So many steps that a turn takes TURN_SECONDS. Finding out is the warm-up."""
    steps = 1
    while (seconds := bench.turn(name, steps)) < TURN_SECONDS:
        # A step takes less once it is warm, hence the growth by at most 10 and the little more than enough.
        steps = math.ceil(steps * min(10.0, 1.2 * TURN_SECONDS / seconds))
    return Turn(steps, warm_up=seconds / steps < LONG_STEP)
