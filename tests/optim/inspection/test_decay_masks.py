from __future__ import annotations

import pickle

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, train

MASKS = [optim.matrices_only, optim.matching("*/w"), optim.not_matching("*/b | scale")]
SHAPES = {"layers": [{"w": jax.ShapeDtypeStruct((2, 3), jnp.float32), "b": jax.ShapeDtypeStruct((3,), jnp.float32)}]}


@pytest.mark.parametrize("mask", MASKS, ids=repr)
def test_is_a_value(mask: object) -> None:
    assert eval(repr(mask), vars(optim)) == mask
    again = pickle.loads(pickle.dumps(mask))
    assert again == mask and hash(again) == hash(mask) and mask != optim.matching("*/v")
    assert repr(mask) in repr(optim.adamw(0.1, mask=mask))  # type: ignore[arg-type]


@pytest.mark.parametrize("mask", MASKS, ids=repr)
def test_equals_the_tree_of_bools_for_us_and_optax(mask: object) -> None:
    tree = {"layers": [{"w": True, "b": False}]}
    params, gradients = params_and_gradients(SHAPES)
    expected = train(optax.adamw(0.1, weight_decay=0.1, mask=tree), params, gradients)
    for library in (optim, optax):
        optimizer = library.adamw(0.1, weight_decay=0.1, mask=mask)  # type: ignore[arg-type]
        assert_close(train(optimizer, params, gradients), expected, 1e-6)


def test_a_mask_may_match_nothing() -> None:
    params = {"w": jnp.ones(2), "nothing": None}
    assert optim.matching("*/v")(params) == {"w": False, "nothing": None}
    assert optim.not_matching("*/v")(params) == {"w": True, "nothing": None}


def test_scalars_and_shapes_are_no_matrices() -> None:
    params = {"scalar": 1.0, "vector": jnp.ones(3), "shape": jax.ShapeDtypeStruct((2, 2), "float32")}
    assert optim.matrices_only(params) == {"scalar": False, "vector": False, "shape": True}


def test_variables_of_flax_have_the_path_of_their_array() -> None:
    nnx = pytest.importorskip("flax.nnx")
    state = nnx.state(nnx.Linear(2, 3, rngs=nnx.Rngs(0)))
    for mask in (optim.matching("kernel"), optim.matrices_only):
        assert mask(state) == mask(nnx.to_pure_dict(state)) == {"kernel": True, "bias": False}
