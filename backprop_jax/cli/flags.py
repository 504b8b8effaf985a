"""What can be said on the command line."""

import contextlib
import io
import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from backprop_jax.cli.config import TRAININGS, AnyTraining, find_config, read_config, require_same_settings
from backprop_jax.cli.doctor_flags import Doctor
from backprop_jax.cli.explain_flags import Explain
from backprop_jax.cli.image_flags import TrainDigits, TrainImages
from backprop_jax.cli.ranges import check_ranges
from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.replay_flags import Replay
from backprop_jax.cli.result_flags import Compare, Evaluate, Predict, Report
from backprop_jax.cli.text_flags import Generate, TrainGPT, TrainText

__all__ = [
    "PROGRAM",
    "Compare",
    "Doctor",
    "Evaluate",
    "Explain",
    "Generate",
    "Predict",
    "Replay",
    "Report",
    "TrainDigits",
    "TrainGPT",
    "TrainImages",
    "TrainText",
    "parse",
]

PROGRAM = "backprop-jax"
ABOUT = """Train networks whose gradients are written by hand, and use what they have learned.

The exit status is 0 if all went well, 1 if the work failed, 2 if the flags, the settings or the files that they name
are at fault, 3 if the doctor found something, 130 after Ctrl-C and 143 after SIGTERM: a training first ends its step
and writes what it has learned."""

# By command, those that are given something without naming a flag for it.
OTHERS = {
    "evaluate": Evaluate,
    "predict": Predict,
    "report": Report,
    "compare": Compare,
    "doctor": Doctor,
    "explain": Explain,
    "replay": Replay,
}

Flags = AnyTraining | Generate | Evaluate | Predict | Report | Compare | Doctor | Explain | Replay
Parsed = TypeVar("Parsed")


def parse(argv: Sequence[str] | None) -> Flags:
    """The flags, over the settings of a file if one is named. Raises Refused for what no run could be made of."""
    from tyro.conf import PositionalRequiredArgs, configure
    from tyro.extras import SubcommandApp

    train = SubcommandApp()
    for command, kind in TRAININGS.items():
        train.command(name=command)(kind)
    app = SubcommandApp()
    app.command(train, name="train")
    app.command(name="generate")(Generate)
    for command, kind in OTHERS.items():
        app.command(name=command)(configure(PositionalRequiredArgs)(kind))
    given = sys.argv[1:] if argv is None else list(argv)
    flags = _in_one_line(lambda: app.cli(prog=PROGRAM, args=given, description=ABOUT))
    if isinstance(flags, AnyTraining):
        flags = _over_config(flags, given)
    with refusing(ValueError):
        check_ranges(flags, lambda name: f"--{name.replace('_', '-')}")
    return flags


def _over_config(flags: AnyTraining, given: list[str]) -> AnyTraining:
    """The same flags, read once more with the settings of the file in place of the defaults."""
    import tyro

    path = find_config(flags)
    if path is None:
        return flags
    flag = "--resume" if flags.config is None else "--config"
    with refusing(OSError, prefix=f"{flag} {path}: "), refusing(ValueError, prefix=f"{flag}: "):
        default = read_config(path, type(flags))
    if flags.config is None:  # the run may have been moved or copied
        default = replace(default, out=flags.out)
    flags = _in_one_line(lambda: tyro.cli(type(flags), args=given[2:], default=default))  # behind train <kind>
    with refusing(OSError, ValueError, prefix="--resume: "):
        require_same_settings(flags)
    return flags


def _in_one_line(read: Callable[[], Parsed]) -> Parsed:
    """What `read` gives. What tyro draws as a box of several lines becomes the one line of `Refused`."""
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return read()
    except SystemExit as end:
        if end.code in (0, None):
            raise
        raise Refused(_one_line(complaint.getvalue())) from None


def _one_line(box: str) -> str:
    """The title and the first section of a text box, without its frame."""
    frame, (title, *lines) = "╭╮╰╯│─+-| ", box.splitlines() or [""]
    title = title.strip(frame)
    section = itertools.takewhile(lambda line: line.strip(frame), lines)
    body = " ".join(line.strip("│| ") for line in section)  # its dashes are those of flags
    return body if body.lower().startswith(title.lower()) else f"{title}: {body}"
