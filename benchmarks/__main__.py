"""The command line."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from benchmarks import machine, noise, report, workload
from benchmarks.contestants import CONTESTANTS, obstacle, select
from benchmarks.errors import BenchmarkError, TooNoisy, UsageError
from benchmarks.runner import measure
from benchmarks.worker import workers

DESCRIPTION = """\
Time whole training steps of backprop_jax against its peers, and write a table.

The contestants first show that they compute the same losses and gradients from the same weights and batch. Then
they take turns, one process a framework, in an order that changes from round to round.
"""
EPILOG = """\
median_ms  median over the rounds of the time of a step        spread  interquartile range over the median
ratio      time of ours over the contestant's: the median of the ratios of each round; below 1, ours is faster
share      of the machine's rate: a step's products of matrices over its time and over the rate of a large product

exit status: 0 published; 1 contestants disagree, or a worker failed; 2 wrong use; 3 the machine is not quiet
"""


class Parser(argparse.ArgumentParser):
    """An argparse whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(UsageError.status, f"benchmarks: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the result is the exit status."""
    options = parser().parse_args(argv)
    try:
        if options.list:
            print_choices()
        else:
            run(options)
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print("benchmarks: stopped, nothing published", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The options and their help."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = Parser("python -m benchmarks", description=DESCRIPTION, epilog=EPILOG, formatter_class=raw)
    add = parser.add_argument
    add("workload", metavar="WORKLOAD", nargs="?", help=f"what to compute: {', '.join(workload.names())}")
    add("--contestants", metavar="A,B", help="only these (default: all that the workload has and that are installed)")
    add("--cases", metavar="TEXT", help="only those whose names contain this (default: all)")
    add("--repeats", metavar="N", type=int, default=20, help="rounds; in each, everyone has a turn (default: 20)")
    add("--json", metavar="FILE", type=Path, help="write all figures here")
    add("--markdown", metavar="FILE", type=Path, help="write the table, which is printed in any case, here as well")
    add("--list", action="store_true", help="list workloads and contestants and what they lack here, and stop")
    add("--allow-noise", action="store_true", help="publish even from a busy machine, marked as noisy")
    return parser


def print_choices() -> None:
    """What can be asked for on this machine."""
    print("workloads:")
    for name in workload.names():
        found = workload.load(name)
        print(f"  {name:<18} {found.title}; cases: {', '.join(found.cases)}; contestants: {', '.join(found.builders)}")
    print("contestants:")
    for name, contestant in CONTESTANTS.items():
        lacks = obstacle(name)
        print(f"  {name:<18} {contestant.meaning}{f' ({lacks})' if lacks else ''}")


def run(options: argparse.Namespace) -> None:
    """Measure, then publish or refuse to."""
    if options.workload is None:
        raise UsageError(f"name a workload: {', '.join(workload.names())}")
    if options.repeats < 1:
        raise UsageError(f"--repeats needs 1 round or more, not {options.repeats}")
    for path in filter(None, (options.json, options.markdown)):
        # Better now than after minutes of timing.
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise UsageError(f"cannot write {path}")
    chosen = workload.load(options.workload)
    if options.cases:
        chosen = chosen.only(options.cases)
    asked = [name.strip() for name in options.contestants.split(",")] if options.contestants else None
    names, left_out = select(chosen, asked)
    for name, lacks in left_out.items():
        say(f"{name} is left out: {lacks}")

    reasons = noise.busy_before(machine.busy_share())
    refuse(reasons, options.allow_noise)
    frameworks = dict.fromkeys(CONTESTANTS[name].framework for name in names)
    with workers(frameworks, chosen) as benches:
        results, failed = measure(chosen, names, benches, options.repeats, say)
        neighbours = {framework: worker.neighbours() for framework, worker in benches.items()}
    reasons += noise.disturbed(results, neighbours)
    refuse(reasons, options.allow_noise)

    document = report.document(chosen, results, left_out | failed, reasons)
    table = report.markdown(document)
    print(table, end="", flush=True)  # before anything can go wrong with a file
    if options.json:
        report.write(options.json, json.dumps(document, indent=2) + "\n")
    if options.markdown:
        report.write(options.markdown, table)


def refuse(reasons: Sequence[str], allow_noise: bool) -> None:
    """Raise if there is a reason not to publish."""
    if reasons and not allow_noise:
        raise TooNoisy(f"not published: {'; '.join(reasons)} (--allow-noise publishes, marked as noisy)")


def say(progress: str) -> None:
    """Progress goes beside the table, not into it."""
    print(progress, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
