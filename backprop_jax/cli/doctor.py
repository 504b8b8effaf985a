"""A run that is looked at for what may be wrong with it."""

import json
import math

from backprop_jax.cli.doctor_flags import FOUND, Doctor
from backprop_jax.cli.refused import refusing
from backprop_jax.doctor import diagnose, read_run

__all__ = ["doctor"]


def doctor(flags: Doctor) -> int:
    """Print what is found. Returns the exit status, 0 if that is nothing and else 3; raises Refused for what fails."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    with refusing(OSError, ValueError):
        run = read_run(flags.run)
    found = diagnose(run.history, run.steps, run.health, run.suspects)
    if flags.json:
        findings = [finding._asdict() | {"figure": _number(finding.figure)} for finding in found]
        print(json.dumps({"findings": findings, "missing": run.missing}))
        return FOUND if found else 0
    for finding in found:
        console.print(f"{finding}\n")
    count = f"{len(found)} finding{'' if len(found) == 1 else 's'}" if found else "nothing is found wrong"
    console.print(f"{flags.run}: {count}")
    for line in run.missing:
        console.print(f"  {line}")
    return FOUND if found else 0


def _number(figure: float) -> float | None:
    """One that JSON knows, which has no infinity."""
    return figure if math.isfinite(figure) else None
