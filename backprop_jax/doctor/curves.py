"""What the curves of the epochs tell: too much learned of the training data, or too little of all."""

import math
from collections.abc import Sequence

import numpy as np

from backprop_jax.doctor.finding import Finding
from backprop_jax.doctor.rows import HasLoss, HasLosses, LayerHealth
from backprop_jax.doctor.updates import update_ratios

__all__ = ["overfitting", "underfitting"]

SMOOTH = 3  # epochs, of which the median counts
OVER = 0.05
PASSED_OVER = 0.025  # of the fall
UNDER = 0.5
LEVEL = 0.05  # how much the loss still falls in a third of the epochs
MOVES = 0.25  # of the largest updates
ALIKE = 0.1  # how far validation is above training


def overfitting(history: Sequence[HasLosses], steps: Sequence[HasLoss] = ()) -> Finding | None:
    """Held-out data that are foretold ever worse, while those of training are still learned.

    A rise that is small beside all that was learned since the first step, or epoch, is passed over: where nearly all is
    right, the loss of a model that grows surer of itself rises by a few examples.
    """
    train, validation = (_smoothed(history, name) for name in ("train_loss", "validation_loss"))
    if len(validation) < 2 or not np.isfinite(validation).all() or validation.min() <= 0:
        return None
    best = int(validation.argmin())
    rise = float(validation[-1] - validation[best])
    figure, first = rise / float(validation[best]), steps[0].loss if len(steps) else history[0].validation_loss
    if not figure > OVER or not rise > PASSED_OVER * (first - validation[best]) or not train[-1] < train[best]:
        return None
    return Finding(
        "overfitting",
        f"since epoch {best + 1 + SMOOTH // 2}",
        f"the rise of the validation loss above its lowest, by medians of {SMOOTH} epochs",
        figure,
        OVER,
        "Prechelt, 1998, Early Stopping - But When?, section 2 (generalization loss, whose limits are 1 to 5 %)",
        "train.early_stopping, more data or augmentation, Dropout, weight decay, or a smaller model",
    )


def underfitting(
    history: Sequence[HasLosses], steps: Sequence[HasLoss], health: Sequence[LayerHealth] = ()
) -> Finding | None:
    """A loss that has come to rest near that of a model which knows nothing, on held-out data as in training.

    Epochs with updates far below the largest are left out, if that is known: there it rests as a schedule ends.
    """
    ratios = update_ratios(health)
    least = MOVES * max(ratios.values(), default=0)
    history = [row for row in history if not health or ratios.get(row.epoch, 0) >= least]
    train, validation = (_smoothed(history, name) for name in ("train_loss", "validation_loss"))
    if len(train) < SMOOTH or not len(steps) or not np.isfinite(train).all():
        return None
    first, last = steps[0].loss, float(train[-1])
    earlier = float(train[-1 - math.ceil(len(train) / 3)])
    is_level = earlier - last < LEVEL * abs(last)
    is_alike = not validation[-1] > (1 + ALIKE) * last
    if not first > 0 or not is_level or not is_alike or not last / first > UNDER:
        return None
    return Finding(
        "underfitting",
        "training and validation alike",
        "the training loss, which no longer falls, over that of the first step",
        last / first,
        UNDER,
        "Goodfellow, Bengio & Courville, 2016, Deep Learning, section 5.2 (capacity); the limit is ours",
        "a wider or deeper model, less regularization, another learning rate; or these inputs tell no more",
    )


def _smoothed(history: Sequence[HasLosses], name: str) -> np.ndarray:
    """Medians of neighbours: fewer than there are epochs."""
    values = np.array([getattr(row, name) for row in history], float)
    return np.array([np.median(values[i : i + SMOOTH]) for i in range(len(values) - SMOOTH + 1)])
