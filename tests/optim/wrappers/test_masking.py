from __future__ import annotations

import copy
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, rejects_update, train

PARAMS = {"w": jnp.ones((2, 3)), "b": {"c": jnp.ones(2), "d": jnp.ones(())}}
NOT_D = {"w": True, "b": {"c": True, "d": False}}
NOT_W = {"w": False, "b": True}


@pytest.mark.parametrize("inner", [optim.masked, optax.masked])
@pytest.mark.parametrize("outer", [optim.masked, optax.masked])
def test_ours_and_optaxs_nest(outer: Any, inner: Any) -> None:
    # Of the mask of the inner one only what the outer one shows counts: the rest is a node without leaves to it.
    params, gradients = params_and_gradients(jax.eval_shape(lambda: PARAMS))
    both = train(
        outer(inner(optim.scale_by_adam(), {"w": True, "b": {"c": True, "d": True}}), NOT_D), params, gradients
    )
    expected = train(optax.masked(optax.scale_by_adam(), NOT_D), params, gradients)
    assert_close(both, expected, 1e-5)


def test_an_optax_transform_inside_sees_a_part_of_the_leaves() -> None:
    params, gradients = params_and_gradients(jax.eval_shape(lambda: PARAMS))
    mine = train(optim.masked(optax.scale_by_adam(), NOT_W), params, gradients)
    alone = train(optax.scale_by_adam(), params["b"], gradients["b"])
    assert_close((mine[0]["b"], mine[2]["b"]), (alone[0], alone[2]), 1e-6)
    np.testing.assert_array_equal(mine[2]["w"], gradients["w"])


def test_optax_maps_over_the_state() -> None:
    transform = optim.masked(optim.scale_by_adam(), NOT_D)
    names = {"w": "w", "b": {"c": "c", "d": "d"}}
    state = optax.tree.map_params(
        transform,
        lambda leaf, name: None if isinstance(leaf, optax.MaskedNode) else name,
        transform.init(PARAMS),
        names,
        is_leaf=lambda node: isinstance(node, optax.MaskedNode),
        transform_non_params=lambda _: "count",
    )
    shown = {"w": "w", "b": {"c": "c", "d": None}}
    assert state == (("count", shown, shown),)


def test_node() -> None:
    node = optim.MaskedNode()
    assert isinstance(node, optim.MaskedNode) and jax.tree.leaves(node) == []
    assert type(pickle.loads(pickle.dumps(node))) is type(copy.copy(node)) is optim.MaskedNode


@pytest.mark.parametrize("mask", [NOT_D, lambda updates: {"w": True, "b": None}, {"w": False, "b": True}])
def test_without_a_gradient_all_stays(mask: Any) -> None:
    transform = optim.masked(optim.trace(0.5), mask)
    state = optim.masked(optim.trace(0.5), NOT_D if callable(mask) else mask).init(PARAMS)
    updates, new_state = transform.update({"w": jnp.ones((2, 3)), "b": None}, state, PARAMS)
    assert updates["b"] is None
    assert jax.tree.structure(new_state) == jax.tree.structure(state)
    assert_close(new_state.inner_state.trace["b"], state.inner_state.trace["b"], 0.0)


@pytest.mark.parametrize("is_masked", [True, False])
def test_extra_arguments_like_the_updates_are_masked_on_request(is_masked: bool) -> None:
    seen = []

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        seen.append(jax.tree.map(str, extra))
        return updates, state

    inner = optax.GradientTransformationExtraArgs(lambda params: (), update)
    transform = optim.masked(inner, NOT_W, mask_compatible_extra_args=is_masked)
    tags = {"w": 1, "b": {"c": 2, "d": 3}}
    transform.update(PARAMS, transform.init(PARAMS), tags=tags, loss=4)
    hidden = optim.MaskedNode() if is_masked else "1"
    assert seen == [{"tags": {"w": hidden, "b": {"c": "2", "d": "3"}}, "loss": "4"}]


def test_a_mask_of_arrays_is_a_value() -> None:
    mask = {"w": np.bool_(False), "b": jnp.array(True)}
    transform = optim.masked(optim.scale(2.0), mask)
    assert transform == optim.masked(optim.scale(2.0), NOT_W)
    assert hash(transform) == hash(optim.masked(optim.scale(2.0), NOT_W))
    mask["w"] = np.bool_(True)
    assert transform.mask == NOT_W


def test_elementwise_with_one_bool_only() -> None:
    adam = optim.scale_by_adam()
    assert optim.masked(adam, True).elementwise and not optim.masked(adam, NOT_W).elementwise
    assert not optim.masked(optim.scale_by_trust_ratio(), True).elementwise


@pytest.mark.parametrize("leaf", ["decay", 1.0, np.array([True, False])])
def test_a_mask_must_be_of_bools(leaf: Any) -> None:
    with pytest.raises(TypeError, match=r"masked: mask has the leaf .*, which is no bool; give True or False"):
        optim.masked(optim.scale(2.0), {"w": leaf})


@pytest.mark.parametrize(
    "mask", [{"w": True}, {**NOT_D, "x": True}, [True, True], {"w": {"x": True}, "b": True}, {"w": None, "b": True}]
)
def test_a_mask_must_fit(mask: Any) -> None:
    with pytest.raises(
        ValueError, match=r"masked: mask .* does not fit; give one for every leaf or for whole subtrees"
    ):
        optim.masked(optim.scale(2.0), mask).init(PARAMS)
    assert "does not fit" in rejects_update(optim.masked(optim.scale(2.0), mask), PARAMS, optim.MaskedState(()))


def test_inner_must_be_a_transform() -> None:
    with pytest.raises(TypeError, match=r"masked: inner is .*adam.*, which is no transform"):
        optim.masked(optim.adam, True)
