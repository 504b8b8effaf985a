"""What can be said on the command line of a run that may be sick."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["FOUND", "Doctor"]

FOUND = 3  # the exit status if something was found


@dataclass(frozen=True)
class Doctor:
    """Tell what is wrong with a training, while it runs or afterwards: gradients that vanish or explode, dead and
    saturated units, a learning rate that is too high or too low, loss spikes, over- and underfitting, wrong labels, a
    device that waits for data.

    Judged are history.csv, steps.csv, health.csv and suspects.csv of the folder, those of them that are there. Each
    finding comes with its figure, the limit and whose that is, and with what to try. The exit status is 0 if nothing
    was found, 3 if something was, and 2 if the files cannot be read.
    """

    run: Path
    """The folder of the run."""

    json: bool = False
    """Print one object of JSON, with the fields findings and missing; a figure that is infinite is null."""
