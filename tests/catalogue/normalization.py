"""Normalizations over more than the last axis."""

import backprop_jax as bp
from tests.catalogue.row import Row, normal

STATISTICS = 2 * 4  # bytes of a mean and a reciprocal standard deviation in float32

NORMALIZATIONS: list[Row] = [
    Row("BatchNorm", bp.BatchNorm(), normal(5, 3), {"residual_bytes": 4 * 15 + 3 * STATISTICS}),
    Row("BatchNorm", bp.BatchNorm(relu=True), normal(3, 1, 2, 4), {"residual_bytes": 4 * 24 + 4 * STATISTICS}),
    Row("BatchNorm", bp.eval_mode(bp.BatchNorm(relu=True)), normal(2, 3, 4)),
    Row("BatchNorm", bp.eval_mode(bp.BatchNorm()), normal(0, 3)),
    Row("GroupNorm", bp.GroupNorm(2), normal(2, 3, 1, 4)),
    Row("GroupNorm", bp.GroupNorm(1), normal(3, 5)),
    Row("GroupNorm", bp.GroupNorm(3), normal(0, 2, 6)),
    Row("InstanceNorm", bp.InstanceNorm(), normal(2, 5, 3)),
    Row("LocalResponseNorm", bp.LocalResponseNorm(4, alpha=0.5, beta=0.6, k=2.0), normal(3, 3)),
]
