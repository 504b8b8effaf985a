"""What every public layer, loss and combinator is checked on: one row a case, the shapes chosen to break things.

Widths that differ and widths that are equal (a transposed weight hides in a square one), batches of 0 and 1, odd sizes,
ties, large values, integer inputs, inputs of several components, one weight used at two depths.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp


class Row(NamedTuple):
    name: str  # the public name that the row is for
    layer: bp.Layer
    x: Any
    options: Mapping[str, Any] = MappingProxyType({})

    def __str__(self) -> str:
        shapes = ",".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(self.x))
        return f"{self.layer}-{shapes}".replace(" ", "")


def normal(*shape: int, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(sum(shape)).standard_normal(shape)).astype(np.float32)


def ids(*shape: int, below: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, below, shape, np.int32)


TIED = np.array([[-6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0], [0.0, -0.0, 0.0, 1.0, -1.0, 2.0, -2.0]], np.float32)
KINKED = {"smooth": False}  # x lies on a corner of the function, where central differences tell the mean of two slopes


def elementwise(name: str, *variants: bp.Layer, large: float = 50.0) -> list[Row]:
    layer, *others = variants or (getattr(bp, name)(),)
    rows = [
        Row(name, layer, normal(3, 5)),
        Row(name, layer, TIED, KINKED),
        Row(name, layer, normal(7, scale=large), KINKED),
    ]
    return [*rows, *(Row(name, other, normal(3, 5)) for other in others)]


def square(x: jax.Array) -> jax.Array:
    return jnp.sin(x) * x


def affine(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    return jnp.tanh(x @ params["w"]) * params["c"]


def init_affine(key: jax.Array, x: jax.Array) -> dict[str, jax.Array]:
    return {"w": 0.5 * jax.random.normal(key, (x.shape[-1], 3), x.dtype), "c": jnp.ones((3,), x.dtype)}


def gather(inputs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    values, places = inputs
    return jnp.take_along_axis(values, places, -1), places


def softplus_params(params: Any) -> Any:
    return jax.tree.map(jax.nn.softplus, params)


def straight_through(layer: bp.Layer, params: Any, residuals: Any, dy: jax.Array) -> tuple[Any, jax.Array]:
    return layer.backward(params, residuals, dy)


block = bp.chain(bp.LayerNorm(), bp.Dense(6), bp.GELU())
SAME_DTYPE = {"mixed_dtypes": False}  # a scan's layer keeps the dtype of its input, and float32 parameters change it
deep = bp.chain(bp.Dense(6), bp.Tanh(), bp.Dense(6))

LAYERS = [
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
    Row("Embedding", bp.Embedding(7, 3), ids(2, 5, below=7)),
    Row("Embedding", bp.Embedding(4, 4), ids(4, below=1)),
    Row("Embedding", bp.Embedding(2, 3), ids(0, 3, below=2)),
    Row("Dropout", bp.Dropout(0.4), normal(5, 7)),
    Row("Dropout", bp.Dropout(0.0), normal(5, 7)),
    Row("Dropout", bp.eval_mode(bp.Dropout(0.4)), normal(5, 7)),
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

COMBINATORS = [
    Row("chain", bp.chain(), normal(2, 3)),
    Row("chain", deep, normal(4, 3)),
    Row("chain", bp.chain(hidden=bp.Dense(4), norm=bp.LayerNorm(), readout=bp.Dense(2)), normal(3, 5)),
    Row("chain", bp.chain(bp.Embedding(5, 4), bp.Dropout(0.3), bp.Dense(2)), ids(3, 2, below=5)),
    Row("skip", bp.skip(block), normal(4, 6)),
    Row("skip", bp.skip(bp.Identity()), (normal(2), normal(3))),
    Row("skip", bp.skip(bp.cast(block, jnp.bfloat16)), normal(4, 6), {"computes_in": jnp.bfloat16}),
    Row(
        "skip",
        bp.scan(bp.skip(bp.cast(bp.scan(bp.Dense(6), 2), jnp.bfloat16)), 2),
        normal(4, 6),
        {"computes_in": jnp.bfloat16},
    ),
    Row("parallel", bp.parallel(bp.Dense(3), bp.Tanh()), (normal(4, 5), normal(2, 2))),
    Row("parallel", bp.parallel(a=bp.Dense(3), b=bp.Dense(3), join=bp.Sum()), {"a": normal(4, 5), "b": normal(4, 2)}),
    Row("fan_out", bp.fan_out(bp.Dense(3), bp.Dropout(0.5)), normal(4, 5)),
    Row("fan_out", bp.fan_out(bp.Dense(3), bp.Tanh(), join=bp.Concatenate()), normal(4, 5)),
    Row("fan_out", bp.fan_out(q=bp.Dense(3), k=bp.Dense(3), join=bp.Sum()), normal(4, 5)),
    Row("first", bp.first(bp.Dense(3)), (normal(4, 5), normal(2), ids(3, below=9))),
    Row("select", bp.select(1), (normal(4, 5), normal(2, 3))),
    Row("select", bp.select("image"), {"image": normal(4, 5), "label": ids(4, below=3)}),
    Row("select", bp.chain(bp.fan_out(bp.Dense(3), bp.Dense(2)), bp.select(0)), normal(4, 5)),
    Row("scan", bp.scan(bp.skip(block), 3), normal(4, 6), SAME_DTYPE),
    Row("scan", bp.scan(bp.skip(block), 0), normal(4, 6), SAME_DTYPE),
    Row("scan", bp.scan(bp.chain(bp.Dropout(0.3), bp.Dense(5), bp.Tanh()), 2), normal(1, 5), SAME_DTYPE),
    Row(
        "scan",
        bp.scan(bp.chain(bp.fan_out(bp.chain(bp.select(0), bp.Dense(4)), bp.select(1)), bp.first(bp.Tanh())), 3),
        (normal(3, 4), normal(2)),
        SAME_DTYPE,
    ),
    Row("remat", bp.remat(bp.LayerNorm(), bp.Dense(3)), normal(4, 5)),
    Row("remat", bp.remat(bp.Dropout(0.3)), normal(4, 5), {"residual_bytes": 4 * 20 + 8}),
    Row("remat", bp.scan(bp.skip(bp.remat(block)), 3), normal(4, 6), SAME_DTYPE),
    Row("reparameterize", bp.reparameterize(bp.Dense(3), softplus_params), normal(4, 5)),
    Row("tie", bp.tie(bp.chain(bp.Dense(4), bp.Tanh(), bp.Dense(5)), "2/w", "0/w", jnp.transpose), normal(3, 5)),
    Row("tie", bp.tie(bp.chain(bp.Embedding(6, 4), bp.Dense(6)), "1/w", "0/table", jnp.transpose), ids(3, 2, below=6)),
    Row("tie", bp.tie(deep, "2", "0"), normal(3, 6)),
    Row("cast", bp.cast(deep, jnp.bfloat16), normal(4, 3), {"computes_in": jnp.bfloat16}),
    Row(
        "cast",
        bp.cast(bp.chain(bp.Embedding(5, 4), bp.LayerNorm()), jnp.float16),
        ids(3, 2, below=5),
        {"computes_in": jnp.float16},
    ),
    Row("with_backward", bp.with_backward(bp.Dense(3), straight_through), normal(4, 5)),
    Row("from_function", bp.from_function(square), normal(4, 5)),
    Row("from_function", bp.from_function(affine, init_affine), normal(4, 5)),
    Row("from_function", bp.from_function(gather), (normal(4, 5), ids(4, 2, below=5))),
    Row("supervised", bp.supervised(deep, bp.losses.MeanSquaredError()), (normal(4, 3), normal(4, 6))),
    Row("supervised", bp.supervised(bp.Dense(5), bp.losses.CrossEntropy()), (normal(4, 3), ids(4, below=5))),
]

L = bp.losses
LOGITS, LABELS = normal(4, 5), ids(4, below=5)
SOFT = np.abs(normal(4, 5)) / np.abs(normal(4, 5)).sum(-1, keepdims=True)
EXTREME = np.array([[1e4, -1e4, 0.0], [-1e4, 0.0, 1e4], [0.0, 0.0, 0.0]], np.float32)
SIGNS = np.sign(normal(4, 5))
LOG_PROBABILITIES = np.log(SOFT[::-1].copy())
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
    *reductions("KLDivergence", (LOG_PROBABILITIES, SOFT)),
    *reductions("Hinge", (LOGITS, SIGNS)),
    Row(
        "Hinge", L.Hinge(), (np.array([[1.0, -1.0, 0.5]], np.float32), np.array([[1.0, -1.0, 1.0]], np.float32)), KINKED
    ),
]
