import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from tests.catalogue import normal

model = bp.cast(bp.chain(bp.Dense(8), bp.Tanh(), bp.Dense(3)), jnp.bfloat16)


def test_computes_in_bfloat16_and_keeps_float32_outside() -> None:
    params, state = model.init(jax.random.key(0), normal(4, 6))
    y, _, residuals = model.forward(params, state, jnp.asarray(normal(4, 6)))
    dparams, dx = model.backward(params, residuals, y)
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves((params, dparams, dx))} == {jnp.dtype("float32")}


def test_residuals_take_half() -> None:
    assert bp.residual_bytes(model, normal(4, 6)) * 2 == bp.residual_bytes(model.layer, normal(4, 6))


def test_integers_pass_unconverted() -> None:
    layer = bp.cast(bp.Embedding(300, 2), jnp.bfloat16)
    params, state = layer.init(jax.random.key(0), jnp.array([257]))
    y, _, _ = layer.forward(params, state, jnp.array([257]))  # 257 is no bfloat16
    assert (y[0] == params["table"][257].astype(jnp.bfloat16)).all()


def test_bad_dtype() -> None:
    with pytest.raises(ValueError, match=r"needs a floating point dtype, .* not int8"):
        bp.cast(bp.ReLU(), jnp.int8)
