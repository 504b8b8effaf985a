"""What is made of the times of many rounds."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Summary", "ratio", "share", "summarize"]


class Summary(NamedTuple):
    """The middle of the times and how far they scatter, in seconds."""

    median: float
    iqr: float  # between the quartiles

    @property
    def spread(self) -> float:
        """The interquartile range over the median: half of all rounds lie within a band of this relative width."""
        return self.iqr / self.median


def summarize(seconds: Sequence[float]) -> Summary:
    """Median and interquartile range. Both shrug off a few disturbed rounds, which a mean and a variance would not."""
    if len(seconds) < 2:
        return Summary(statistics.median(seconds), 0.0)
    lower, middle, upper = statistics.quantiles(seconds, n=4, method="inclusive")
    return Summary(middle, upper - lower)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """How long ours takes over theirs: the median of the ratios of each round.

    Paired by round, because a slow drift of the machine's clock falls on both and cancels.
    """
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def share(flops: int, seconds: Sequence[float], rates: Sequence[float]) -> float:
    """What a step makes of the machine: its products over its time and over the rate of a large product.

    The median over the rounds, in each of which the rate was measured anew: a clock's drift falls on both.
    """
    return statistics.median(flops / (taken * rate) for taken, rate in zip(seconds, rates, strict=True))
