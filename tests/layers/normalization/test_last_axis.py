import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal
from tests.oracles import layers as oracle

SCALE, SHIFT = normal(5), normal(5, scale=0.5)
TWINS = [
    (bp.LayerNorm(eps=1e-3), {"scale": SCALE, "shift": SHIFT}, lambda x: oracle.layer_norm(x, SCALE, SHIFT, 1e-3)),
    (bp.RMSNorm(eps=1e-3), {"scale": SCALE}, lambda x: oracle.rms_norm(x, SCALE, 1e-3)),
    (bp.Softmax(), (), oracle.softmax),
    (bp.LogSoftmax(), (), lambda x: np.log(oracle.softmax(x))),
]


@pytest.mark.parametrize(
    ("layer", "params", "twin"), TWINS, ids=lambda value: repr(value) if isinstance(value, bp.Layer) else ""
)
def test_value_and_gradient_are_those_of_the_slow_twin(layer, params, twin) -> None:
    x, dy = normal(2, 3, 5), normal(2, 3, 5, scale=2.0)
    y, _, residuals = layer.forward(params, (), jnp.asarray(x))
    _, dx = layer.backward(params, residuals, jnp.asarray(dy))
    np.testing.assert_allclose(y, twin(x.astype(np.float64)), rtol=1e-5, atol=1e-6)
    expected = dy.ravel().astype(np.float64) @ oracle.jacobian(twin, x.astype(np.float64))
    np.testing.assert_allclose(np.ravel(dx), expected, rtol=1e-4, atol=1e-5)


def test_embedding_gradient_is_that_of_the_slow_twin() -> None:
    layer, tokens, dy = bp.Embedding(4, 3), ids(5, 6, below=4), normal(5, 6, 3)
    params, _ = layer.init(jax.random.key(0), tokens)
    dparams, dx = layer.backward(params, jnp.asarray(tokens), jnp.asarray(dy))
    np.testing.assert_allclose(dparams["table"], oracle.embedding_gradient(tokens, dy, 4), rtol=1e-5, atol=1e-6)
    assert dx is None


@pytest.mark.parametrize("layer", [bp.LayerNorm(), bp.RMSNorm()], ids=repr)
def test_statistics_are_float32_for_bfloat16(layer: bp.Layer) -> None:
    x = jnp.asarray(1000 + normal(4, 64), jnp.bfloat16)
    params, state = layer.init(jax.random.key(0), x)
    residuals = layer.forward(params, state, x)[2]
    assert residuals.x is x
    assert {leaf.dtype for leaf in residuals[1:]} == {jnp.dtype("float32")}


@pytest.mark.parametrize("layer", [bp.LayerNorm(), bp.RMSNorm()], ids=repr)
def test_bad_input(layer: bp.Layer) -> None:
    params, state = layer.init(jax.random.key(0), normal(2, 5))
    with pytest.raises(ValueError, match=r"initialized for inputs of width 5, but was given \[2, 4\]"):
        layer.forward(params, state, normal(2, 4))
    with pytest.raises(ValueError, match="eps of 0 or more, not -1"):
        type(layer)(eps=-1.0)
