"""Images of mean zero and unit variance, by statistics of the training images alone."""

from dataclasses import dataclass

import numpy as np

from backprop_jax.data.image_dataset import Examples, ImageDataset

__all__ = ["ChannelStatistics", "channel_statistics", "normalize"]

CHUNK = 256  # images whose float64 copies exist at a time


@dataclass(frozen=True)
class ChannelStatistics:
    """Mean and standard deviation of each channel, by which images are normalized."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.mean or len(self.mean) != len(self.std):
            raise ValueError(f"each channel needs a mean and a std, not {len(self.mean)} and {len(self.std)} of them")
        for channel, numbers in enumerate(zip(self.mean, self.std, strict=True)):
            if not (np.isfinite(numbers).all() and numbers[1] > 0):
                raise ValueError(f"channel {channel} needs a finite mean and a std above 0, not {numbers}")


def channel_statistics(examples: Examples) -> ChannelStatistics:
    """Mean and standard deviation over images and pixels; give it the training part, never validation or test.

        mean = Σ x / n,   std = √(Σ (x - mean)² / n)

    In float64, in two passes: the difference of two sums would lose a small variance beside a large mean. The std of
    a channel that is the same everywhere is taken as 1: normalized it is 0, not NaN.

    Shapes:   examples.x (N, ..., C) -> C numbers each.
    Raises:   ValueError if the examples have no channel axis.
    """
    x = examples.x
    if x.ndim < 2:
        raise ValueError(f"channel statistics need examples of shape (N, ..., C), not {x.shape}")
    axes, count = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
    chunks = [slice(begin, begin + CHUNK) for begin in range(0, len(x), CHUNK)]
    mean = np.sum([x[rows].sum(axes, np.float64) for rows in chunks], axis=0) / count
    std = np.sqrt(np.sum([((x[rows] - mean) ** 2).sum(axes) for rows in chunks], axis=0) / count)
    return ChannelStatistics(tuple(mean.tolist()), tuple(np.where(_constant(x, axes), 1.0, std).tolist()))


def _constant(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Whether a channel has one value: asked of the values, for the rounded mean leaves it a tiny std."""
    return x.min(axes) == x.max(axes)


def normalize(dataset: ImageDataset, statistics: ChannelStatistics) -> ImageDataset:
    """All three parts as (x - mean) / std, float32, by the same statistics.

    Raises:   ValueError if the images have another number of channels.
    """
    channels = dataset.image_shape[-1]
    if channels != len(statistics.mean):
        raise ValueError(f"{dataset.name} has images of {channels} channels, the statistics {len(statistics.mean)}")
    mean, std = (np.array(numbers, np.float32) for numbers in (statistics.mean, statistics.std))
    parts = [Examples((part.x - mean) / std, part.y) for part in (dataset.train, dataset.validation, dataset.test)]
    return ImageDataset(dataset.name, dataset.class_names, *parts)
