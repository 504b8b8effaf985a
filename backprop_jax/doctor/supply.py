"""What comes in: too slowly, or with wrong labels."""

import math
from collections.abc import Sequence

import numpy as np

from backprop_jax.doctor.finding import Finding
from backprop_jax.doctor.rows import HasLoss, Suspect

__all__ = ["data_starvation", "label_noise"]

STARVED = 0.2
NOISY = 0.1
FEWEST = 100  # examples
JUDGE = 0.6  # of the labels that a model must agree with


def data_starvation(steps: Sequence[HasLoss]) -> Finding | None:
    """A device that waits for its batches."""
    waiting = np.array([getattr(row, "waiting", math.nan) for row in steps], float)
    waiting = waiting[np.isfinite(waiting)]
    figure = float(np.median(waiting)) if len(waiting) else math.nan
    if not figure > STARVED:
        return None
    return Finding(
        "data starvation",
        "",
        "the fraction of the time spent waiting for data, median of the steps",
        figure,
        STARVED,
        "Mohan et al., 2021, arXiv:2007.06775 (data stalls); the limit is ours",
        "workers that prepare batches ahead, less work for each example or that work done once, larger files on a "
        "faster disk",
    )


def label_noise(suspects: Sequence[Suspect]) -> Finding | None:
    """Examples of which the model is sure that they are of another class. One that is often wrong is no judge."""
    if len(suspects) < FEWEST or sum(row.answer == row.label for row in suspects) < JUDGE * len(suspects):
        return None
    found = [row for row in suspects if row.suspected]
    figure = len(found) / len(suspects)
    if not figure > NOISY:
        return None
    worst = ", ".join(str(row.index) for row in sorted(found, key=lambda row: -row.loss)[:5])
    return Finding(
        "label noise",
        f"{len(found):,} of {len(suspects):,} examples, the worst {worst}",
        "the fraction of held-out examples that the model is sure are of another class",
        figure,
        NOISY,
        "Northcutt, Jiang & Chuang, 2021, arXiv:1911.00068 (the measure); Northcutt, Athalye & Mueller, 2021, "
        "arXiv:2103.14749 (ten data sets have up to 10 %)",
        "look at the examples that suspects.csv names; label_smoothing, or early stopping, before they are learned",
    )
