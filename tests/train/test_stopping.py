"""A training ends when its metric has not become better for a while."""

import math
from typing import NamedTuple

import pytest

from backprop_jax.train import early_stopping


class Row(NamedTuple):
    epoch: int
    validation_loss: float
    accuracy: float = 0.0
    gradient_norms: dict[str, float] | None = None


def epochs_until_it_stops(stop, losses) -> int | None:
    rows = [Row(epoch, loss) for epoch, loss in enumerate(losses, 1)]
    return next((epoch for epoch in range(len(rows) + 1) if stop(rows[:epoch])), None)


@pytest.mark.parametrize(
    ("losses", "given", "end"),
    [
        ([3, 2, 1, 1, 1, 1], {"patience": 2}, 5),
        ([3, 2, 2.5, 1.9, 2.5, 2, 1.95], {"patience": 3}, 7),
        ([3, 2, 1, 0], {"patience": 1}, None),
        ([1, 2], {"patience": 1}, 2),
        # Slowly better: less than 0.5 at a time, and by more than that in the third of three.
        ([3, 2.7, 2.4, 2.1, 1.8], {"patience": 3, "min_delta": 0.5}, None),
        ([3, 2.9, 2.8, 2.7], {"patience": 3, "min_delta": 0.5}, 4),
        ([math.nan, math.nan], {"patience": 2}, 2),
        ([2, math.nan, 1, math.inf], {"patience": 2}, None),
        ([1, 2, 3, 3, 3], {"patience": 2, "mode": "max"}, 5),
    ],
)
def test_it_ends_after_as_many_epochs_without_a_better_metric(losses, given, end) -> None:
    assert epochs_until_it_stops(early_stopping(**given), losses) == end


def test_it_is_a_value_and_reads_the_metric_it_is_given() -> None:
    stop = early_stopping(1, metric="accuracy", mode="max")
    again = early_stopping(1, 0.0, "accuracy", "max")
    assert stop == again and hash(stop) == hash(again)
    assert not stop([Row(1, 0.0, 0.5), Row(2, 9.0, 0.6)]) and stop([Row(1, 0.0, 0.5), Row(2, 0.0, 0.5)])


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="1 epoch or more"):
        early_stopping(0)
    with pytest.raises(ValueError, match="min_delta of 0"):
        early_stopping(1, -1.0)
    with pytest.raises(ValueError, match='"min" or "max", not'):
        early_stopping(1, mode="least")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no number 'loss'; choose metric= among epoch, validation_loss, accuracy"):
        early_stopping(1, metric="loss")([Row(1, 0.0)])
