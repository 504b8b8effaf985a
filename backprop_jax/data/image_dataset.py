"""Labelled images, checked where they enter."""

from dataclasses import dataclass

import numpy as np

from backprop_jax.data.labels import require_labels

__all__ = ["Examples", "ImageDataset"]


@dataclass(frozen=True, eq=False)
class Examples:
    """Inputs and their classes, one a row.

    Shapes:   x (N, ...) float32, y (N,) int32; other real and integer dtypes are converted.
    Raises:   ValueError if there are no rows, if x and y differ in length, if y is not a vector of integers, and if x
              holds NaN or infinity: the message names the first such row.
    """

    x: np.ndarray
    y: np.ndarray

    def __post_init__(self) -> None:
        x, y = np.asarray(self.x, np.float32), np.asarray(self.y)
        if len(x) != len(y):
            raise ValueError(f"each input needs one label, but there are {len(x)} inputs and {len(y)} labels")
        if len(x) == 0:
            raise ValueError("there are no examples")
        if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
            raise ValueError(f"labels must be a vector of integers, not {y.dtype} of shape {y.shape}")
        finite = np.isfinite(x)
        if not finite.all():
            index = tuple(int(i) for i in np.unravel_index(np.argmin(finite), x.shape))
            raise ValueError(f"inputs must be finite, but example {index[0]} holds {x[index]} at x{list(index)}")
        object.__setattr__(self, "x", x)
        object.__setattr__(self, "y", y.astype(np.int32))

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: slice | np.ndarray) -> "Examples":
        """The examples of some rows, given by a slice or by an array of row numbers."""
        return Examples(self.x[rows], self.y[rows])


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Images in three parts: to fit the parameters, to choose the settings, and to report the result once.

    Shapes:   x (N, H, W, C) in [0, 1] unless normalized, y (N,) in [0, len(class_names)).
    Raises:   ValueError if the parts differ in image shape or a label has no class name: the message names the row.
    """

    name: str
    class_names: tuple[str, ...]
    train: Examples
    validation: Examples
    test: Examples

    def __post_init__(self) -> None:
        for part in ("validation", "test"):
            shape = getattr(self, part).x.shape[1:]
            if shape != self.image_shape:
                raise ValueError(f"{self.name}: train images have shape {self.image_shape}, {part} images {shape}")
        for part in ("train", "validation", "test"):
            require_labels(f"{self.name}: {part} example", getattr(self, part).y, self.classes)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W, C): height and width in pixels, and channels."""
        return self.train.x.shape[1:]
