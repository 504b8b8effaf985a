"""Layers of vectors: those that work on the last axis, on each element, or on any shape."""

import backprop_jax as bp
from tests.catalogue.row import KINKED, TIED, Row, ids, normal


def elementwise(name: str, *variants: bp.Layer, large: float = 50.0) -> list[Row]:
    layer, *others = variants or (getattr(bp, name)(),)
    rows = [
        Row(name, layer, normal(3, 5)),
        Row(name, layer, TIED, KINKED),
        Row(name, layer, normal(7, scale=large), KINKED),
    ]
    return [*rows, *(Row(name, other, normal(3, 5)) for other in others)]


VECTORS = [
    Row("Dense", bp.Dense(3), normal(4, 5)),
    Row("Dense", bp.Dense(5), normal(4, 5)),
    Row("Dense", bp.Dense(3, use_bias=False), normal(2, 3, 5)),
    Row("Dense", bp.Dense(2), normal(7)),
    Row("Dense", bp.Dense(1), normal(1, 1)),
    Row("Dense", bp.Dense(3), normal(0, 5)),
    Row("Dense", bp.Dense(3, kernel_init=bp.initializers.he_normal()), normal(2, 5, scale=1e4)),
    *elementwise("Sigmoid"),
    *elementwise("Tanh"),
    *elementwise("ReLU"),
    *elementwise("ReLU6"),
    *elementwise("LeakyReLU", bp.LeakyReLU(), bp.LeakyReLU(0.3)),
    *elementwise("ELU", bp.ELU(), bp.ELU(0.5)),
    *elementwise("SELU"),
    *elementwise("GELU", bp.GELU(), bp.GELU(approximate=False)),
    Row("GELU", bp.GELU(approximate=False), normal(7, scale=50.0)),
    *elementwise("SiLU"),
    *elementwise("Softplus"),
    *elementwise("Mish"),
    *elementwise("HardTanh"),
    *elementwise("HardSigmoid"),
    *elementwise("HardSiLU"),
    *[
        Row(layer.__name__, layer(**axis), x, options)
        for layer in (bp.Softmax, bp.LogSoftmax)
        for axis, x, options in [
            ({}, normal(3, 5), {}),
            ({"axis": 0}, normal(3, 5), {}),
            ({}, normal(2, 1), {}),
            ({}, normal(4, 9, scale=1e4), {"smooth": False}),  # rounding of 1e4 drowns a central difference
            ({}, normal(0, 3), {}),
        ]
    ],
    *[
        Row(name, layer, x)
        for name, layer in (("LayerNorm", bp.LayerNorm()), ("RMSNorm", bp.RMSNorm()))
        for x in (normal(4, 5), normal(2, 3, 4), normal(7), normal(0, 5), normal(3, 5, scale=1e3))
    ],
    Row("LayerNorm", bp.LayerNorm(eps=0.1), normal(1, 1)),  # a width of 1 has nothing but eps in its gradient
    Row("RMSNorm", bp.RMSNorm(eps=0.1), normal(1, 1)),
    Row("Affine", bp.Affine(), normal(2, 3, 5)),
    Row("Embedding", bp.Embedding(7, 3), ids(2, 5, below=7)),
    Row("Embedding", bp.Embedding(4, 4), ids(4, below=1)),
    Row("Embedding", bp.Embedding(2, 3), ids(0, 3, below=2)),
    Row("Dropout", bp.Dropout(0.4), normal(5, 7)),
    Row("Dropout", bp.Dropout(0.4, broadcast_dims=(1,)), normal(3, 4, 5)),
    Row("Dropout", bp.Dropout(0.0), normal(5, 7)),
    Row("Dropout", bp.eval_mode(bp.Dropout(0.4)), normal(5, 7)),
    Row("GLU", bp.GLU(), normal(2, 3, 6)),
    Row("GLU", bp.GLU(bp.SiLU()), normal(3, 2, scale=20.0)),
    Row("GLU", bp.GLU(bp.ReLU()), normal(0, 4)),
    Row("Flatten", bp.Flatten(), normal(3, 2, 5)),
    Row("Flatten", bp.Flatten(), normal(0, 2, 5)),
    Row("Flatten", bp.Flatten(), normal(4)),
    Row("Reshape", bp.Reshape((5, 2)), normal(3, 10)),
    Row("Reshape", bp.Reshape(()), normal(3, 1)),
    Row("Transpose", bp.Transpose((2, 0, 1)), normal(3, 2, 5)),
    Row("Transpose", bp.Transpose((1, 0)), normal(3, 0)),
    Row("Identity", bp.Identity(), {"a": normal(3), "b": (ids(2, below=4),)}),
    Row("Sum", bp.Sum(), (normal(3, 2), normal(3, 2, scale=2.0), normal(3, 2, scale=3.0))),
    Row("Concatenate", bp.Concatenate(), (normal(3, 2), normal(3, 4))),
    Row("Concatenate", bp.Concatenate(), (normal(3, 2), ids(3, 4, below=5))),
    Row("Sum", bp.Sum(), {"a": normal(3, 2), "b": ids(3, 2, below=5)}),
    Row("Concatenate", bp.Concatenate(axis=0), [normal(3, 2), normal(0, 2), normal(1, 2)]),
]
