"""One split for all: the same test set whatever seed the training has."""

import numpy as np

from backprop_jax.data.image_dataset import Examples, ImageDataset

__all__ = ["draw", "split"]


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
    test_rows, validation_rows, train_rows = draw(examples.y, (test, validation), seed)
    parts = (examples[rows] for rows in (train_rows, validation_rows, test_rows))
    return ImageDataset(name, class_names, *parts)


def draw(labels: np.ndarray, fractions: tuple[float, ...], seed: int) -> list[np.ndarray]:
    """Row numbers of one part for each fraction, drawn from every class in that share, and of the rest.

    Raises:   ValueError if the fractions are not above 0 and below 1 together, or leave a part without examples.
    """
    if not (all(0 < fraction < 1 for fraction in fractions) and sum(fractions) < 1):
        text = " and ".join(map(str, fractions))
        raise ValueError(f"the parts must be fractions that leave some to train on, not {text}")
    rng = np.random.default_rng(seed)
    parts: list[list] = [[] for _ in (*fractions, "rest")]
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        ends = np.round(np.cumsum(fractions) * len(rows)).astype(int)
        for part, members in zip(parts, np.split(rows, ends), strict=True):
            part.append(members)
    # Rows return to their first order: a part sorted by class would mislead whoever reads only its beginning.
    drawn = [np.sort(np.concatenate(part)) for part in parts]
    if not all(map(len, drawn)):
        counts = ", ".join(str(len(rows)) for rows in drawn)
        raise ValueError(
            f"{len(labels)} examples are too few: split by fractions of each class they leave parts of {counts}, "
            "and there are no examples in one"
        )
    return drawn
