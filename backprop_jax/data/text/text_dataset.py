"""Labelled texts, checked where they enter."""

from dataclasses import dataclass

import numpy as np

from backprop_jax.data.labels import require_labels

__all__ = ["TextDataset", "TextExamples"]


@dataclass(frozen=True, eq=False)
class TextExamples:
    """Texts and their classes.

    Shapes:   texts N of them, y (N,) integers, made int32.
    Raises:   ValueError if there are none, if texts and y differ in number, or y is not a vector of integers.
    """

    texts: tuple[str, ...]
    y: np.ndarray

    def __post_init__(self) -> None:
        y = np.asarray(self.y)
        if len(self.texts) != len(y):
            raise ValueError(f"each text needs one label, but there are {len(self.texts)} texts and {len(y)} labels")
        if len(y) == 0:
            raise ValueError("there are no examples")
        if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
            raise ValueError(f"labels must be a vector of integers, not {y.dtype} of shape {y.shape}")
        object.__setattr__(self, "texts", tuple(self.texts))
        object.__setattr__(self, "y", y.astype(np.int32))

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: slice | np.ndarray) -> "TextExamples":
        """The examples of some rows, given by a slice or by an array of row numbers."""
        chosen = np.arange(len(self))[rows]
        return TextExamples(tuple(self.texts[row] for row in chosen), self.y[chosen])


@dataclass(frozen=True, eq=False)
class TextDataset:
    """Texts in three parts: to fit the parameters, to choose the settings, and to report the result once.

    Raises:   ValueError, naming the example, if a label has no class name.
    """

    name: str
    class_names: tuple[str, ...]
    train: TextExamples
    validation: TextExamples
    test: TextExamples

    def __post_init__(self) -> None:
        for part in ("train", "validation", "test"):
            require_labels(f"{self.name}: {part} example", getattr(self, part).y, self.classes)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)
