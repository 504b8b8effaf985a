"""Pooling."""

import numpy as np

import backprop_jax as bp
from tests.catalogue.recurrent import GAPS, LENGTHS
from tests.catalogue.row import KINKED, Row, ids, normal


def tied(*shape: int) -> np.ndarray:
    """Three values only, so that most windows hold their largest one several times."""
    return ids(*shape, below=3).astype(np.float32)


POOLINGS: list[Row] = [
    Row("MaxPool", bp.MaxPool((2, 2)), normal(2, 5, 4, 3)),
    Row("MaxPool", bp.MaxPool((3, 2), strides=2, padding=((1, 1), (0, 1))), tied(2, 6, 5, 2), KINKED),
    Row("MaxPool", bp.MaxPool((2,), strides=3, window_dilation=2, ceil_mode=True), normal(2, 10, 3)),
    Row("MaxPool", bp.MaxPool((1, 1), strides=2, padding="SAME"), normal(1, 3, 1, 2)),
    Row("MaxPool", bp.MaxPool((2, 1, 2), strides=1), normal(0, 2, 2, 3, 2)),
    Row("AvgPool", bp.AvgPool((2, 2)), normal(2, 5, 4, 3)),
    Row("AvgPool", bp.AvgPool((3, 2), 2, ((1, 1), (0, 1)), count_include_pad=False), normal(2, 6, 5, 2, scale=1e3)),
    Row("AvgPool", bp.AvgPool((3,), strides=2, ceil_mode=True), normal(1, 6, 1)),
    Row("GlobalAvgPool", bp.GlobalAvgPool(), normal(2, 3, 4, 5)),
    Row("GlobalAvgPool", bp.GlobalAvgPool(), normal(0, 3, 2)),
    Row("GlobalMaxPool", bp.GlobalMaxPool(), tied(2, 3, 4, 5), KINKED),
    Row("GlobalMaxPool", bp.GlobalMaxPool(), normal(1, 1, 3)),
    Row("AdaptiveAvgPool", bp.AdaptiveAvgPool((2,)), normal(2, 4, 3)),
    Row("AdaptiveAvgPool", bp.AdaptiveAvgPool((3, None)), normal(2, 7, 2, 1)),
    Row("AdaptiveMaxPool", bp.AdaptiveMaxPool((2,)), normal(2, 4, 3)),
    Row("AdaptiveMaxPool", bp.AdaptiveMaxPool((3,)), tied(2, 7, 2), KINKED),
    Row("AdaptiveMaxPool", bp.AdaptiveMaxPool((3,)), normal(2, 1, 2)),
    Row("MeanSteps", bp.MeanSteps(), bp.Padded(normal(3, 3, 2), GAPS)),
    Row("MaxSteps", bp.MaxSteps(), bp.Padded(tied(3, 3, 2), LENGTHS), KINKED),
    Row("LastStep", bp.LastStep(), bp.Padded(normal(3, 3, 2), GAPS)),
    Row("LastStep", bp.LastStep(), normal(1, 2, 3)),
]
