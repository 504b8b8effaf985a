import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from tests.catalogue import normal


def test_a_layer_that_changes_the_shape_is_named() -> None:
    layer = bp.skip(bp.Dense(3))
    params, state = layer.init(jax.random.key(0), normal(4, 5))
    with pytest.raises(
        ValueError, match=r"skip needs a layer that keeps the shape of its input, but Dense\(features=3\) maps"
    ):
        layer.forward(params, state, normal(4, 5))


def test_nothing_is_saved_beside_what_the_layer_saves() -> None:
    assert bp.residual_bytes(bp.skip(bp.Tanh()), normal(4, 5)) == bp.residual_bytes(bp.Tanh(), normal(4, 5))


def test_nothing_is_added_to_lengths() -> None:
    layer = bp.skip(bp.recurrent(bp.RNNCell(2)))
    for lengths in (jnp.array([3, 0]), jnp.array([[True, False, True], [False] * 3])):
        x = bp.Padded(normal(2, 3, 2), lengths)
        params, state = layer.init(jax.random.key(0), x)
        y, _, residuals = layer.forward(params, state, x)
        branch, _, _ = layer.layer.forward(params, state, x)
        assert y.lengths is lengths and (y.x == x.x + branch.x).all()
        _, dx = layer.backward(params, residuals, bp.Padded(normal(2, 3, 2), None))
        assert dx.lengths is None and (dx.x[1] == normal(2, 3, 2)[1]).all()


def test_padded_is_not_a_plain_tuple_of_the_same_shapes() -> None:
    layer = bp.skip(bp.parallel(bp.Identity(), bp.Identity()))
    x = bp.Padded(normal(2, 3, 2), jnp.array([3, 0]))
    with pytest.raises(ValueError, match=r"maps Padded\(x='float32\[2, 3, 2\]', lengths='int32\[2\]'\) to \("):
        layer.forward(*layer.init(jax.random.key(0), x), x)
