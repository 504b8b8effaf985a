"""Mini-batches."""

from collections.abc import Iterator

import numpy as np

from backprop_jax.data.image_dataset import Examples

__all__ = ["batches"]


def batches(
    examples: Examples, size: int, seed: int | tuple[int, ...] | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The examples as pairs `(x, y)` with `size` rows each.

    With a seed, one epoch of training: shuffled by the seed, such as `(seed, epoch)`, and without the incomplete last
    batch, so that every step has the same shape and compiles once. Without a seed, for evaluation: in order, the
    incomplete last batch kept.

    Raises:   ValueError, at the call and not at the first batch, if `size` is less than one or, with a seed, more than
              there are examples.
    """
    if size < 1:
        raise ValueError(f"a batch needs at least one example, not {size}")
    if seed is None:
        order, end = np.arange(len(examples)), len(examples)
    elif size > len(examples):
        raise ValueError(f"a batch of {size} is larger than the data set of {len(examples)} examples")
    else:
        order, end = np.random.default_rng(seed).permutation(len(examples)), len(examples) // size * size
    rows = (order[start : start + size] for start in range(0, end, size))
    return ((examples.x[chosen], examples.y[chosen]) for chosen in rows)
