"""Layers that resize, pad, rearrange or drop parts of images."""

import backprop_jax as bp
from tests.catalogue.row import Row, normal

RESAMPLINGS: list[Row] = [
    Row("SqueezeExcite", bp.SqueezeExcite(2), normal(2, 3, 1, 5)),
    Row("DropPath", bp.DropPath(0.4), normal(5, 2, 3)),
    Row("Resize", bp.Resize((3, 7)), normal(2, 5, 4, 3)),
    Row("Resize", bp.Resize((7, 2), method="bilinear"), normal(1, 3, 5, 2)),
    Row("Resize", bp.Resize((70,), method="bilinear"), normal(2, 1, 3)),
    Row("Upsample", bp.Upsample(2), normal(0, 3, 2, 4)),
    Row("PixelShuffle", bp.PixelShuffle(2), normal(2, 3, 1, 8)),
    Row("PixelUnshuffle", bp.PixelUnshuffle(2), normal(1, 4, 6, 3)),
    Row("Pad", bp.Pad(((1, 2), (0, -1)), value=3.0), normal(2, 3, 4, 2)),
    Row("Pad", bp.Pad(((5, 2),), mode="edge"), normal(2, 3, 2)),
    Row("Pad", bp.Pad(((3, 1), (-1, 2)), mode="reflect"), normal(1, 4, 4, 1)),
    Row("Pad", bp.Pad(((2, 3),), mode="wrap"), normal(2, 3, 2)),
]
