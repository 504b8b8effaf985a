from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, rejects_update, train

PARAMS = {"w": jnp.ones((2, 3)), "b": {"c": jnp.ones(2), "d": jnp.ones(())}}
LABELS = {"w": "a", "b": {"c": "b", "d": "a"}}
MEMBERS = {"a": optim.scale(2.0), "b": optim.scale(-1.0)}


def by_size(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: "b" if leaf.shape == (2,) else "a", tree)


@pytest.mark.parametrize("labels", [LABELS, by_size])
def test_every_leaf_goes_through_its_own(labels: Any) -> None:
    transform = optim.partition(MEMBERS, labels)
    updates, _ = jax.jit(transform.update)(PARAMS, transform.init(PARAMS))
    assert jax.tree.map(jnp.max, updates) == {"w": 2.0, "b": {"c": -1.0, "d": 2.0}}


def test_members_may_be_optaxs() -> None:
    params, gradients = params_and_gradients(jax.eval_shape(lambda: PARAMS))
    mine = train(optim.partition({"a": optax.adam(0.1), "b": optim.sgd(0.1)}, LABELS), params, gradients)
    other = train(optax.partition({"a": optax.adam(0.1), "b": optax.sgd(0.1)}, LABELS), params, gradients)
    assert_close(mine, other, 1e-6)


@pytest.mark.parametrize("labels", [LABELS, lambda tree: {"w": "a", "b": dict.fromkeys(tree["b"], "b")}])
def test_optax_maps_over_the_state(labels: Any) -> None:
    transform = optim.partition({"a": optim.trace(0.9), "b": optim.scale(2.0)}, labels)
    state = transform.init(PARAMS)
    mapped: Any = optax.tree.map_params(transform, lambda leaf: leaf + 1, state)
    assert jax.tree.structure(mapped) == jax.tree.structure(state)
    np.testing.assert_array_equal(mapped.inner_states["a"].inner_state.trace["w"], np.ones((2, 3)))


def test_extra_arguments_reach_the_members_that_take_them() -> None:
    def update(updates: Any, state: Any, params: Any = None, *, loss: Any = None, **extra: Any) -> Any:
        return jax.tree.map(lambda leaf: loss * leaf, updates), state

    by_loss = optax.GradientTransformationExtraArgs(lambda params: (), update)
    transform = optim.partition({"a": by_loss, "b": optax.scale(-1.0)}, LABELS)
    updates, _ = transform.update(PARAMS, transform.init(PARAMS), loss=3.0)
    assert jax.tree.map(jnp.max, updates) == {"w": 3.0, "b": {"c": -1.0, "d": 3.0}}


def test_the_order_of_members_does_not_matter() -> None:
    one, other = optim.partition(MEMBERS, LABELS), optim.partition(dict(reversed(MEMBERS.items())), LABELS)
    assert one == other and hash(one) == hash(other)
    mixed = optim.partition({1: optim.scale(2.0), "b": optim.scale(-1.0)}, by_size)
    assert hash(mixed) == hash(optim.partition({"b": optim.scale(-1.0), 1: optim.scale(2.0)}, by_size))


@pytest.mark.parametrize("unknown", ["c", jnp.array(1), 1])
def test_a_label_without_a_transform_is_named(unknown: Any) -> None:
    labels = {"w": "a", "b": unknown}
    for transform in (optim.partition(MEMBERS, labels), optim.partition(MEMBERS, lambda _: labels)):
        with pytest.raises(ValueError, match=r"partition: the labels \[.*\] have no transform; .* \['a', 'b'\]"):
            transform.init(PARAMS)


@pytest.mark.parametrize(
    "labels", [{"w": "a"}, {**LABELS, "x": "a"}, ["a", "b"], {"w": {"x": "a"}, "b": "b"}, {"w": None, "b": "b"}]
)
def test_labels_must_fit(labels: Any) -> None:
    with pytest.raises(ValueError, match=r"partition: param_labels .* does not fit; give one for every leaf"):
        optim.partition(MEMBERS, labels).init(PARAMS)


def test_state_of_another_partition_is_refused() -> None:
    state = optim.partition({"a": optim.scale(2.0)}, "a").init(PARAMS)
    assert "the state is of the labels ['a'], the transforms of ['a', 'b']" in rejects_update(
        optim.partition(MEMBERS, LABELS), PARAMS, state
    )


def test_members_must_be_transforms_by_label() -> None:
    with pytest.raises(TypeError, match="partition: transforms must map labels to transforms, got "):
        optim.partition([optim.scale(2.0)], LABELS)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"partition: the transform of 'a' is .*, which is no transform"):
        optim.partition({"a": optim.adam}, "a")
