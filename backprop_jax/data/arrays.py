"""Images that are in arrays already."""

from collections.abc import Sequence

import numpy as np

from backprop_jax.data.image_dataset import Examples, ImageDataset
from backprop_jax.data.split import split

__all__ = ["from_arrays"]


def from_arrays(
    x: np.ndarray,
    y: np.ndarray,
    class_names: Sequence[str] | None = None,
    name: str = "images",
    validation: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
) -> ImageDataset:
    """A data set of images and their classes, in the three parts that `split` makes.

    Shapes:   x (N, H, W), grey, or (N, H, W, C): uint8 from 0 to 255, or floating point, taken as it is; y (N,)
              integers from 0. The data set's images are (N, H, W, C) float32, uint8 divided by 255.
    Units:    `class_names` without a value are the numbers from "0" to the largest in y.
    Raises:   TypeError for images of another dtype, whose range nobody could know; ValueError for another number of
              axes, and for what `Examples`, `split` and `ImageDataset` refuse.
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim not in (3, 4):
        raise ValueError(f"{name} needs images of shape (N, H, W) or (N, H, W, C), not {x.shape}")
    if x.dtype == np.uint8:
        x = x.astype(np.float32) / 255
    elif not np.issubdtype(x.dtype, np.floating):
        raise TypeError(
            f"{name} needs uint8 or floating point images, not {x.dtype}: divide them by their largest value"
        )
    examples = Examples(x if x.ndim == 4 else x[..., None], y)
    names = tuple(map(str, range(int(examples.y.max()) + 1))) if class_names is None else tuple(class_names)
    return split(examples, names, name, validation, test, seed)
