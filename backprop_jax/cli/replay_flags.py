"""What can be said on the command line of a step that is run again."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Replay"]


@dataclass(frozen=True)
class Replay:
    """Run a step of training again, from a file of harvest.write_replay, and tell what is wrong with it.

    Prints the loss, for each layer what flows through it, forward and backward, and the layer that was the first to
    make a number that is not finite.
    """

    file: Path
    """What harvest.write_replay wrote."""

    objective: str | None = None
    """The objective, or a function without arguments that makes it, as module:name; for one that the file does not
    tell, as it has a function or a layer of yours. The module is run, and looked for in this folder too."""
