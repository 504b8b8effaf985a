"""What can be said on the command line of runs that are over."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Compare", "Evaluate", "Predict", "Report"]


@dataclass(frozen=True)
class Evaluate:
    """Tell how good the parameters of a run are on its test set: of images the accuracy and the loss, of text the bits.

    The run is a folder that backprop-jax train wrote. It takes params.safetensors and config.toml from there, and the
    data from where they were.
    """

    run: Path
    """The folder of the run."""

    data: str | None = None
    """Where the data are now, if they have moved, or other data of the same kind."""

    json: bool = False
    """Print one object of JSON."""


@dataclass(frozen=True)
class Predict:
    """Tell what the network of a run makes of files.

    Of each image the class, with its probability, and those that come next: images are cut and scaled as they were for
    the training, and those of digits must be light on dark. Of each text, in UTF-8, the bits that the network needs to
    foretell it, and how it may go on. The exit status is 1 if a file could not be read; the others are told all the
    same.
    """

    run: Path
    """The folder of the run."""

    inputs: tuple[Path, ...]
    """The files; - is the standard input."""

    top: int = 3
    """How many answers are told, of the likeliest."""

    json: bool = False
    """Print one object of JSON a file."""


@dataclass(frozen=True)
class Report:
    """Write all that is known of a run as one page of HTML, which needs no other file."""

    run: Path
    """The folder of the run."""

    out: Path | None = None
    """The page; report.html in the folder without this flag."""


@dataclass(frozen=True)
class Compare:
    """Print the settings in which runs differ, and what each reached, and draw their curves over each other."""

    runs: tuple[Path, ...]
    """The folders of the runs, two or more."""

    out: Path = Path("compare.png")
    """The picture."""
