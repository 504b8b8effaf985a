"""Combinators, on chains of layers."""

from typing import Any

import jax
import jax.numpy as jnp

import backprop_jax as bp
from tests.catalogue.row import Row, ids, normal


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
    Row(
        "skip_first",
        bp.skip_first(bp.chain(bp.parallel(bp.Dense(2), bp.Dense(4)), bp.CrossAttention(1), bp.Dense(3))),
        (normal(2, 3, 3), normal(2, 4, 2)),
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
    Row("weight_norm", bp.weight_norm(bp.Dense(3)), normal(4, 5)),
    # In train mode the vectors move with the kernel and are held constant, so differences tell another derivative.
    Row("spectral_norm", bp.spectral_norm(bp.Dense(4), 2), normal(3, 5), {"smooth": False}),
    Row("spectral_norm", bp.eval_mode(bp.spectral_norm(bp.chain(bp.Dense(2)))), normal(1, 3)),
    # Held constant, so differences tell another derivative.
    Row("loss_scaled", bp.loss_scaled(bp.Dense(3), 16.0), normal(4, 5), {"residual_bytes": 84}),  # 4 for the scale
    Row("lora", bp.lora(bp.Dense(3), 2), normal(4, 5), {"smooth": False}),
    Row(
        "stop_gradient",
        bp.chain(bp.stop_gradient(bp.Dense(4)), bp.Tanh(), bp.Dense(2)),
        normal(3, 5),
        {"smooth": False},
    ),
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
