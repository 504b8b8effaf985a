"""Convolutions."""

import backprop_jax as bp
from tests.catalogue.row import Row, normal

CONVOLUTIONS = [
    Row("Conv", bp.Conv(3, (3, 3)), normal(2, 4, 5, 2)),
    Row("Conv", bp.Conv(6, (3, 2), strides=2, kernel_dilation=(2, 1), feature_group_count=2), normal(2, 7, 6, 4)),
    Row("Conv", bp.Conv(8, (3,), strides=3, padding=((1, 2),), feature_group_count=4), normal(2, 11, 4)),
    Row("Conv", bp.Conv(2, (1, 2, 2), strides=(1, 2, 1), padding=1, use_bias=False), normal(1, 2, 3, 3, 2)),
    Row("Conv", bp.Conv(3, (3,), strides=2, padding="CIRCULAR"), normal(0, 6, 2)),
    Row("ConvTranspose", bp.ConvTranspose(4, (3, 2), strides=2, feature_group_count=2), normal(2, 2, 3, 4)),
    Row("ConvTranspose", bp.ConvTranspose(3, (3,), 3, padding=1, output_padding=1, kernel_dilation=2), normal(2, 4, 2)),
    Row("ConvTranspose", bp.ConvTranspose(3, (4,), strides=2, padding="CIRCULAR"), normal(2, 3, 2)),
]
