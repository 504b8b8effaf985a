import dataclasses

import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax.core.layer import output_like
from tests.catalogue import normal


def test_a_layer_is_a_value() -> None:
    assert bp.Dense(3) == bp.Dense(3) != bp.Dense(4)
    assert hash(bp.chain(bp.Dense(3), bp.ReLU())) == hash(bp.chain(bp.Dense(3), bp.ReLU()))
    with pytest.raises(dataclasses.FrozenInstanceError):
        bp.Dense(3).features = 4
    with pytest.raises(TypeError, match="abstract"):
        bp.Layer()


def test_repr_is_short_and_shows_what_differs_from_the_defaults() -> None:
    model = bp.chain(bp.Dense(3), bp.skip(bp.GELU(approximate=False)), bp.Dropout(0.5))
    assert repr(model) == "Chain(Dense(features=3), Skip(GELU(approximate=False)), Dropout(rate=0.5))"
    assert repr(bp.chain(first=bp.ReLU())) == "Chain(first=ReLU())"
    assert repr(bp.eval_mode(model)).endswith("Dropout(rate=0.5, train=False))")


def test_shapes_are_told_without_computing() -> None:
    like = jax.ShapeDtypeStruct((10**6, 10**6), jnp.float32)
    assert output_like(bp.ReLU(), (), (), like).shape == like.shape


def test_init_takes_shapes_alone() -> None:
    x = normal(3, 5)
    like = jax.ShapeDtypeStruct(x.shape, x.dtype)
    model = bp.chain(bp.Dense(4), bp.scan(bp.skip(bp.chain(bp.LayerNorm(), bp.Dropout(0.1))), 2), bp.Dense(2))
    of_array, of_shape = (model.init(jax.random.key(0), each)[0] for each in (x, like))
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), of_array, of_shape))
