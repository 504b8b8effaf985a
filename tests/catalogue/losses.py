"""Losses."""

from typing import Any

import numpy as np

import backprop_jax as bp
from backprop_jax.layers.recurrent import Padded
from tests.catalogue.row import KINKED, TIED, Row, ids, normal

L = bp.losses
LOGITS, LABELS = normal(4, 5), ids(4, below=5)
SOFT = np.abs(normal(4, 5)) / np.abs(normal(4, 5)).sum(-1, keepdims=True)
EXTREME = np.array([[1e4, -1e4, 0.0], [-1e4, 0.0, 1e4], [0.0, 0.0, 0.0]], np.float32)
SIGNS = np.sign(normal(4, 5))
LOG_PROBABILITIES = np.log(SOFT[::-1].copy())
REPEATED = np.array([[1, 1], [2, 1], [2, 2]], np.int32)
LENGTHS, COUNTS = np.array([4, 3, 2], np.int32), np.array([2, 1, 2], np.int32)  # of the third there is no path
FLAT = {"smooth": False}  # rounding of 1e4 drowns a central difference


def reductions(name: str, x: Any) -> list[Row]:
    return [Row(name, getattr(L, name)(reduction=reduction), x) for reduction in ("mean", "sum", "none")]


LOSSES = [
    *reductions("MeanSquaredError", (normal(4, 3), normal(4, 3, scale=2.0))),
    *reductions("MeanAbsoluteError", (normal(4, 3), normal(4, 3, scale=2.0))),
    Row("MeanAbsoluteError", L.MeanAbsoluteError(), (TIED, np.zeros_like(TIED)), KINKED),
    *reductions("Huber", (normal(4, 3), normal(4, 3, scale=3.0))),
    Row("Huber", L.Huber(delta=3.0), (TIED, np.zeros_like(TIED)), KINKED),
    *reductions("BinaryCrossEntropy", (LOGITS, SOFT)),
    Row("BinaryCrossEntropy", L.BinaryCrossEntropy(label_smoothing=0.2, pos_weight=3.0), (LOGITS, ids(4, 5, below=2))),
    Row("BinaryCrossEntropy", L.BinaryCrossEntropy(pos_weight=(1.0, 2.0, 3.0, 4.0, 5.0)), (LOGITS, LOGITS > 0)),
    Row("BinaryCrossEntropy", L.BinaryCrossEntropy(), (EXTREME, ids(3, 3, below=2)), FLAT),
    *reductions("CrossEntropy", (LOGITS, LABELS)),
    *reductions("CrossEntropy", (LOGITS, SOFT)),
    *reductions("CrossEntropy", (normal(2, 3, 5), ids(2, 3, below=5))),
    Row("CrossEntropy", L.CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0, 0.0, 0.5, 3.0)), (LOGITS, LABELS)),
    Row("CrossEntropy", L.CrossEntropy(label_smoothing=0.1, class_weights=(1.0, 2.0, 0.0, 0.5, 3.0)), (LOGITS, SOFT)),
    Row("CrossEntropy", L.CrossEntropy(ignore_index=int(LABELS[0]), label_smoothing=0.1), (LOGITS, LABELS)),
    Row("CrossEntropy", L.CrossEntropy(ignore_index=-1), (LOGITS, np.full(4, -1, np.int32))),
    Row("CrossEntropy", L.CrossEntropy(), (EXTREME, ids(3, below=3)), FLAT),
    Row("CrossEntropy", L.CrossEntropy(label_smoothing=0.1), (EXTREME, ids(3, below=3)), FLAT),
    Row("CrossEntropy", L.CrossEntropy(), (normal(3, 1), ids(3, below=1))),
    Row("CrossEntropy", L.CrossEntropy(reduction="sum"), (normal(0, 5), ids(0, below=5))),
    Row(
        "CTC", L.CTC(zero_infinity=True, reduction="none"), (Padded(normal(3, 4, 3), LENGTHS), Padded(REPEATED, COUNTS))
    ),
    Row("CTC", L.CTC(blank=2), (Padded(normal(2, 3, 3), np.array([[1, 1, 1], [1, 0, 1]], bool)), ids(2, 1, below=2))),
    Row("LinearCrossEntropy", L.LinearCrossEntropy(7), (normal(8, 3), ids(8, below=7))),
    Row(
        "LinearCrossEntropy",
        L.LinearCrossEntropy(7, True, 0.1, 1, z_loss=0.01, logit_softcap=2.0, accuracy=True, chunk_size=3),
        (normal(8, 3), ids(8, below=7), np.abs(normal(8))),
    ),
    Row(
        "LinearCrossEntropy",
        L.LinearCrossEntropy(5, True, z_loss=0.01, chunk_size=2, reduction="none"),
        (normal(1, 3, 2), ids(1, 3, below=5)),
    ),
    *reductions("KLDivergence", (LOG_PROBABILITIES, SOFT)),
    *reductions("Hinge", (LOGITS, SIGNS)),
    Row(
        "Hinge", L.Hinge(), (np.array([[1.0, -1.0, 0.5]], np.float32), np.array([[1.0, -1.0, 1.0]], np.float32)), KINKED
    ),
]
