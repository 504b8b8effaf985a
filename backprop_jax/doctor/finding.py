"""What is wrong with a training, and what to try."""

from typing import NamedTuple

__all__ = ["Finding"]


class Finding(NamedTuple):
    """One thing that is wrong: print it."""

    name: str  # such as "dead units"
    where: str  # which layers, steps or epochs; "" for the training as a whole
    measure: str  # what the figure is, in words
    figure: float
    threshold: float  # what the figure should not pass
    source: str  # a paper or a book that describes the sickness, and whose the threshold is
    advice: str  # what to try

    def __str__(self) -> str:
        where = f", {self.where}" if self.where else ""
        return (
            f"{self.name}{where}: {self.measure} is {self.figure:.3g}, the limit {self.threshold:.3g}\n"
            f"  try: {self.advice}\n"
            f"  see: {self.source}"
        )
