"""One split for all: the same test set whatever seed the training has."""

import numpy as np

from backprop_jax.data.image_dataset import Examples, ImageDataset

__all__ = ["split"]


def split(
    examples: Examples,
    class_names: tuple[str, ...],
    name: str = "images",
    validation: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
) -> ImageDataset:
    """Examples in three parts, each with every class in the same share.

    `validation` and `test` are fractions of each class, rounded to whole examples; the rest is for training. The parts
    depend on `seed` and the labels alone.

    Raises:   ValueError if the fractions leave a part without examples, or a label has no class name.
    """
    if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
        raise ValueError(f"the parts must be fractions that leave some to train on, not {validation} and {test}")
    rng = np.random.default_rng(seed)
    parts: tuple[list, list, list] = ([], [], [])
    for label in np.unique(examples.y):
        rows = rng.permutation(np.flatnonzero(examples.y == label))
        ends = np.round(np.cumsum([test, validation]) * len(rows)).astype(int)
        for part, members in zip(parts, np.split(rows, ends), strict=True):
            part.append(members)
    # Rows return to their first order: a part sorted by class would mislead whoever reads only its beginning.
    test_part, validation_part, train_part = (examples[np.sort(np.concatenate(part))] for part in parts)
    return ImageDataset(name, class_names, train_part, validation_part, test_part)
