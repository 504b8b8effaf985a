from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, train, train_in_float32

LAYER = {"w": jax.ShapeDtypeStruct((2, 3), jnp.float32), "b": jax.ShapeDtypeStruct((3,), jnp.float32)}
SHAPES = {"encoder": [LAYER, LAYER], "head": LAYER}
LABELS = {"encoder": [{"w": "default", "b": "*/b"}] * 2, "head": {"w": "head/*", "b": "*/b"}}


def members(library: Any) -> dict[str, Any]:
    return {
        "*/b": library.sgd(0.1, 0.9),
        "head/*": library.chain(library.clip_by_global_norm(0.1), library.scale(-1.0)),
        "default": library.adamw(0.1),
    }


def grouped(library: Any) -> Any:
    optimizers = members(library)
    return optim.groups({key: optimizers[key] for key in ("*/b", "head/*")}, default=optimizers["default"])


@pytest.mark.parametrize("library", [optim, optax])
def test_equals_the_partition_by_labels(library: Any) -> None:
    params, gradients = params_and_gradients(SHAPES)
    mine = train(grouped(library), params, gradients)
    other = train_in_float32(optax.partition(members(optax), LABELS), params, gradients)
    assert_close(mine, other, 1e-6)
    assert str(jax.tree.structure(mine[1])) == str(jax.tree.structure(other[1]))


def test_a_frozen_group_has_no_state_and_does_not_move() -> None:
    params, gradients = params_and_gradients(SHAPES)
    optimizer = optim.groups({"encoder/*": optim.set_to_zero()}, default=optim.adam(0.1))
    new_params, state, _ = train(optimizer, params, gradients)
    assert_close(new_params["encoder"], params["encoder"], 0.0)
    assert jax.tree.leaves(state.inner_states["encoder/*"]) == []
    assert not jnp.array_equal(new_params["head"]["w"], params["head"]["w"])


def test_is_a_value_that_prints_as_its_call() -> None:
    optimizer = grouped(optim)
    assert eval(repr(optimizer), vars(optim)) == optimizer
    assert pickle.loads(pickle.dumps(optimizer)) == optimizer and hash(optimizer) == hash(grouped(optim))
    first, second = optim.scale(1.0), optim.scale(2.0)
    # The order of the patterns counts.
    assert optim.groups({"a": first, "b": second}) != optim.groups({"b": second, "a": first})
    assert dataclasses.replace(optim.groups({"a": first}), default=second) == optim.groups({"a": first}, second)
    assert repr(optim.groups({"a": first})) == "groups({'a': scale(step_size=1.0)})"


def test_one_group_has_its_own_hyperparameters() -> None:
    params = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), SHAPES)
    optimizer = optim.groups({"*/b": optim.sgd(0.1)}, default=optim.sgd(0.2))
    assert optim.hyperparams(optimizer) == {"learning_rate": (0.1, 0.2)}
    state = optimizer.init(params)

    def step_sizes(state: Any) -> tuple[float, float]:
        updates, _ = optimizer.update(params, state)
        return float(updates["head"]["b"][0]), float(updates["head"]["w"][0, 0])

    assert step_sizes(optim.with_hyperparams(state, learning_rate=0.5)) == (-0.5, -0.5)
    biases = state.inner_states["*/b"]
    biases = biases._replace(inner_state=optim.with_hyperparams(biases.inner_state, learning_rate=0.5))
    state = state._replace(inner_states=state.inner_states | {"*/b": biases})
    assert step_sizes(state) == pytest.approx((-0.5, -0.2))


def test_updates_may_be_none() -> None:
    optimizer = optim.groups({"*/b": optim.trace(0.9)}, default=optim.adam(0.1))
    params = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), SHAPES)
    updates = {"encoder": None, "head": {"w": params["head"]["w"], "b": None}}
    new, state = optimizer.update(updates, optimizer.init(params), params)
    assert new["encoder"] is None and new["head"]["b"] is None
    assert_close(new["head"]["w"], jnp.full((2, 3), -0.1), 1e-5)
    assert jax.tree.structure(state) == jax.tree.structure(optimizer.init(params))


@pytest.mark.parametrize(
    ("optimizers", "default", "message"),
    [
        ({"*/bias": optim.scale(1.0)}, optim.scale(1.0), r"no parameter matches '\*/bias'; near it there are .*head/b"),
        ({"*/b": optim.scale(1.0)}, None, r"no pattern of \['\*/b'\] matches the parameter 'encoder/0/w'; add one, or"),
        ({"*": optim.scale(1.0), "head/*": optim.scale(2.0)}, None, r"earlier patterns take all .* 'head/\*' matches"),
    ],
    ids=["matches nothing", "no default", "in vain"],
)
def test_patterns_that_do_not_fit(optimizers: Any, default: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(optim.groups(optimizers, default).init, SHAPES)


def test_members_that_are_no_transforms() -> None:
    with pytest.raises(TypeError, match=r"the optimizer of 'head/\*' is None; to freeze the group, set_to_zero\(\)"):
        optim.groups({"head/*": None})
    with pytest.raises(TypeError, match=r"the optimizer of 'default' is .* no transform"):
        optim.groups({}, default=optim.adam)
    with pytest.raises(ValueError, match="would share a name"):
        optim.groups({"default": optim.scale(1.0)}, default=optim.scale(1.0))


def test_nothing_to_group() -> None:
    optimizer = optim.groups({"*/b": optim.adam(0.1)})
    assert optimizer.update({}, optimizer.init({}))[0] == {}
    optax.tree.map_params(optimizer, lambda leaf: leaf, optimizer.init({"b": jnp.ones(2)}))
