"""Which labels are likely to be wrong."""

import csv
import os
from collections.abc import Sequence

import numpy as np

from backprop_jax.doctor.rows import Suspect
from backprop_jax.files.atomic_file import atomic_file

__all__ = ["label_suspects", "save_suspects"]


def label_suspects(scores: np.ndarray, labels: np.ndarray) -> tuple[Suspect, ...]:
    """A row for each example; suspected is one of which the model is sure that it is of another class.

    With p the probabilities that the scores stand for, a class is believed of an example where p reaches what examples
    with that label have of it on average. Suspected is whose most probable believed class is not its label.

    The examples must not be those that the model was trained on, or it may have learned the wrong labels too:
    `evaluate(objective, *training[:2], validation).scores`, or the parts of a cross-validation put together.
    `harvest.hardest_examples` ranks those of a batch by what they do to training.

    Shapes:   scores (N, classes), a model's logits; labels (N,) integer.
    Raises:   ValueError for other shapes, labels outside the classes, or scores that are not finite.
    Source:   Northcutt, Jiang & Chuang, 2021, arXiv:1911.00068 (confident learning), section 3.1.
    """
    scores, labels = np.asarray(scores, np.float64), np.asarray(labels)
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"label_suspects needs scores (N, classes) and whole labels (N,), not {list(scores.shape)} and "
            f"{labels.dtype}{list(labels.shape)}"
        )
    if not np.isfinite(scores).all() or ((labels < 0) | (labels >= scores.shape[1])).any():
        raise ValueError(f"label_suspects needs finite scores, and labels from 0 to {scores.shape[1] - 1}")
    shifted = scores - scores.max(1, keepdims=True, initial=-np.inf)
    logp = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    p = np.exp(logp)
    classes = np.arange(scores.shape[1])
    # A class that no example has is believed of none.
    usual = np.array([p[labels == name, name].mean() if (labels == name).any() else np.inf for name in classes])
    believed = np.where(p >= usual, p, 0)
    suspected = (believed.max(1) > 0) & (believed.argmax(1) != labels)
    columns = range(len(labels)), labels, p.argmax(1), -logp[np.arange(len(labels)), labels], suspected
    rows = zip(*columns, strict=True)
    return tuple(Suspect(index, int(y), int(answer), float(loss), bool(sure)) for index, y, answer, loss, sure in rows)


def save_suspects(path: str | os.PathLike, rows: Sequence[Suspect]) -> None:
    """Write a row an example, the suspected first, each part by falling loss. The file appears whole or not at all.

    Raises:   OSError if the file cannot be written.
    """
    with atomic_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(Suspect._fields)
        table.writerows((*row[:-1], int(row.suspected)) for row in sorted(rows, key=_hardest))


def _hardest(row: Suspect) -> tuple[bool, float]:
    return not row.suspected, -row.loss
