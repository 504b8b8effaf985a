"""What the losses of the steps tell of the learning rate."""

import math
from collections.abc import Sequence

import numpy as np

from backprop_jax.doctor.finding import Finding
from backprop_jax.doctor.rows import HasLoss, HasLosses

__all__ = ["falls_slowly", "loss_spikes", "rises_above_start", "rises_again"]

SPIKE = 6.0  # deviations; that, the decay and the count are those of optim.skip_loss_spikes
DECAY = 0.99
COUNTED = 100
STRETCHES = 10  # equal ones, of each of which the median is judged
FEWEST = 50  # steps
RUN = 5  # of them, for single ones are uneven
ABOVE = 4.0  # as tuning.learning_rate_range ends
AGAIN = 0.5
DIFFERENT = 3  # times between the quartiles of the last losses
STRAIGHT = 0.4
LITTLE = 0.2
FALLING = 0.7  # of the stretches, or epochs
FEWEST_EPOCHS = 5

RATES = (
    "Goodfellow, Bengio & Courville, 2016, Deep Learning, section 11.4.1 (the learning rate and the error); "
    "the limit is ours"
)
LOWER = "a learning rate three to ten times lower (tuning.learning_rate_range suggests one), a longer warm-up, or "
LOWER += "optim.clip_by_global_norm"


def loss_spikes(steps: Sequence[HasLoss]) -> Finding | None:
    """Losses far above those before, by their logarithms: where nearly all is learned, single ones are uneven."""
    losses = np.array([row.loss for row in steps])
    losses = losses[np.isfinite(losses)]
    values = np.log(losses) if len(losses) and losses.min() > 0 else losses
    mean = variance = 0.0
    count, largest, spikes = 0, 0.0, 0
    for value in values:
        away = value - mean
        deviations = away / math.sqrt(variance) if count >= COUNTED and variance > 0 else 0.0
        if deviations > SPIKE:
            spikes, largest = spikes + 1, max(largest, deviations)
            if spikes > len(values) / 10:
                return None  # these are no spikes but another level
            continue
        count += 1
        share = (1 - DECAY) / (1 - DECAY**count)
        mean += share * away
        variance = (1 - share) * (variance + share * away**2)
    if not spikes:
        return None
    return Finding(
        "loss spikes",
        f"{spikes:,} of {len(steps):,} steps",
        "the loss, in deviations above its running mean, at the highest",
        largest,
        SPIKE,
        "Chowdhery et al., 2022, arXiv:2204.02311, section 5.1 (spikes, and leaving out what led to them); the limit "
        "is that of optim.skip_loss_spikes",
        "optim.skip_loss_spikes, optim.clip_by_global_norm, a lower learning rate; look at the examples of those steps",
    )


def rises_above_start(steps: Sequence[HasLoss]) -> Finding | None:
    """A loss far above that of the model that knows nothing, for some steps."""
    if len(steps) < FEWEST:
        return None
    losses = _finite_or_infinite(steps)
    # Those of a model that was trained before may be as uneven from the first on.
    usual = max(np.median(losses[:3]), np.quantile(_finite(losses), 0.75))
    figure = float(_medians(losses).max() / usual) if 0 < usual < math.inf else math.nan
    if not figure > ABOVE:
        return None
    measure = f"the highest loss, by medians of {RUN} steps, over the first and over three quarters of all"
    return Finding("learning rate too high", "losses", measure, figure, ABOVE, RATES, LOWER)


def rises_again(steps: Sequence[HasLoss]) -> Finding | None:
    """A loss that falls and then loses what it had gained, which for some that explode takes few steps."""
    if len(steps) < FEWEST:
        return None
    losses = _finite_or_infinite(steps)
    end = np.array_split(losses, STRETCHES)[-1]
    first, last = np.median(losses[:3]), np.median(end)
    lowest = _medians(losses).min()
    if not math.isfinite(lowest) or not math.isfinite(first):
        return None
    # Of a model that was trained before, the loss may not fall at all; what differs is the batches.
    figure = float((last - lowest) / max(first - lowest, 0.1 * abs(first), 1e-12))
    low, high = np.quantile(_finite(end), (0.25, 0.75))
    if not figure > AGAIN or last - lowest < DIFFERENT * (high - low):
        return None
    measure = "the rise of the loss at the end above its lowest, over its fall"
    return Finding("learning rate too high", "losses", measure, figure, AGAIN, RATES, LOWER)


def falls_slowly(steps: Sequence[HasLoss], history: Sequence[HasLosses] = ()) -> Finding | None:
    """A loss that falls little, and as fast at the end as at the beginning; told by epochs, if there are enough."""
    stretches = _stretches(steps)
    curve = [row.train_loss for row in history] if len(history) >= FEWEST_EPOCHS else stretches
    if not stretches or not all(map(math.isfinite, stretches + curve)):
        return None
    first, middle, last = curve[0], np.mean(curve[(len(curve) - 1) // 2 : len(curve) // 2 + 1]), curve[-1]
    falls = np.mean(np.diff(curve) < 0)
    if falls < FALLING or not first > last or not stretches[0] - last < LITTLE * abs(stretches[0]):
        return None
    figure = float((middle - last) / (first - last))
    if not figure > STRAIGHT:
        return None
    return Finding(
        "learning rate too low",
        "losses",
        f"the part of the loss's fall, of {(first - last) / abs(first):.1%}, that is in the second half",
        figure,
        STRAIGHT,
        "CS231n, Stanford, notes on neural networks 3 (low rates improve linearly, good ones exponentially); the limit "
        "is ours",
        "a learning rate three to ten times higher (tuning.learning_rate_range suggests one), or more epochs",
    )


def _finite_or_infinite(steps: Sequence[HasLoss]) -> np.ndarray:
    losses = np.array([row.loss for row in steps], float)
    return np.where(np.isfinite(losses), losses, math.inf)


def _medians(losses: np.ndarray) -> np.ndarray:
    """Of neighbours."""
    return np.median(np.lib.stride_tricks.sliding_window_view(losses, RUN), -1)


def _stretches(steps: Sequence[HasLoss]) -> list[float]:
    """The median of each."""
    if len(steps) < FEWEST:
        return []
    return [float(np.median(part)) for part in np.array_split(_finite_or_infinite(steps), STRETCHES)]


def _finite(losses: np.ndarray) -> np.ndarray:
    """Those that are, or one 0 if none is: numbers that a quantile can lie between."""
    finite = losses[np.isfinite(losses)]
    return finite if len(finite) else np.zeros(1)
