"""Batches into which each example comes by itself, by chance: what the theory of private training is about."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.image_dataset import Examples

__all__ = ["PoissonBatch", "poisson_batches"]


class PoissonBatch(NamedTuple):
    """Rows of a fixed number, so that the step compiles once, and which of them are real."""

    x: np.ndarray  # (capacity, ...)
    y: np.ndarray  # (capacity, ...)
    mask: np.ndarray  # (capacity,) bool; the rows behind the real ones repeat the data set's first


def poisson_batches(
    examples: Examples, rate: float, steps: int, seed: int | tuple[int, ...], capacity: int | None = None
) -> Iterator[PoissonBatch]:
    """`steps` batches into each of which every example comes with probability `rate`, whatever else is in it.

    A batch has about `rate * len(examples)` examples: the `batch_size` of `private_value_and_grad`. `capacity` is the
    number of rows they are padded to; None is six standard deviations more than the mean, which is as good as never
    too few. A batch may be empty: all rows are padding then, and the step adds noise alone.

    Raises:   ValueError, at the call, if the rate is not in (0, 1], steps is below 0 or capacity below 1;
              OverflowError at a batch that does not fit: to leave examples out would break the promise of privacy.
    """
    count = len(examples)
    if not 0 < rate <= 1:
        raise ValueError(f"poisson_batches needs a rate above 0 and at most 1, not {rate!r}")
    if whole_number(steps, least=0) is None:
        raise ValueError(f"poisson_batches needs 0 steps or more, not {steps!r}")
    if capacity is None:
        mean = rate * count
        capacity = min(count, math.ceil(mean + 6 * math.sqrt(mean * (1 - rate)) + 1))
    elif whole_number(capacity, least=1) is None:
        raise ValueError(f"poisson_batches needs a capacity of 1 row or more, not {capacity!r}")
    return _draw(examples, rate, steps, np.random.default_rng(seed), capacity)


def _draw(
    examples: Examples, rate: float, steps: int, random: np.random.Generator, capacity: int
) -> Iterator[PoissonBatch]:
    for step in range(steps):
        chosen = np.flatnonzero(random.random(len(examples)) < rate)
        if len(chosen) > capacity:
            raise OverflowError(
                f"poisson_batches drew {len(chosen)} examples at step {step}, and capacity is {capacity}: raise it"
            )
        rows = np.zeros(capacity, int)
        rows[: len(chosen)] = chosen
        yield PoissonBatch(examples.x[rows], examples.y[rows], np.arange(capacity) < len(chosen))
