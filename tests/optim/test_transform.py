from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, train, train_in_float32

SHAPES = {"w": jax.ShapeDtypeStruct((3, 4), jnp.float32), "b": jax.ShapeDtypeStruct((4,), jnp.float32)}


def test_transform_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        optim.Transform()  # type: ignore[abstract]


def test_a_transform_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        optim.scale(0.1).step_size = 0.2  # type: ignore[misc]


@pytest.mark.parametrize(
    "mixed",
    [
        optax.chain(optim.clip_by_global_norm(1.0), optax.scale_by_adam(), optim.scale(-0.1)),
        optim.chain(optax.clip_by_global_norm(1.0), optim.scale_by_adam(), optax.scale(-0.1)),
        optim.chain(optim.chain(optax.clip_by_global_norm(1.0)), optax.chain(optim.scale_by_adam(), optax.scale(-0.1))),
    ],
    ids=["ours in optax.chain", "optax's in our chain", "nested"],
)
def test_chains_mix_with_optax(mixed: Any) -> None:
    params, gradients = params_and_gradients(SHAPES)
    expected = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(), optax.scale(-0.1))
    assert_close(train(mixed, params, gradients), train_in_float32(expected, params, gradients), 1e-6)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda optimizer: optax.masked(optimizer, {"w": True, "b": False}),
        lambda optimizer: optax.MultiSteps(optimizer, every_k_schedule=2),
    ],
    ids=["masked", "MultiSteps"],
)
def test_optax_wraps_ours(wrap: Any) -> None:
    params, gradients = params_and_gradients(SHAPES)
    mine, other = wrap(optim.sgd(0.1, 0.9)), wrap(optax.sgd(0.1, 0.9))
    assert_close(train(mine, params, gradients), train(other, params, gradients), 1e-6)


def test_optax_injects_hyperparameters() -> None:
    params, gradients = params_and_gradients(SHAPES)
    mine = optax.inject_hyperparams(optim.adamw)(learning_rate=optim.cosine_decay_schedule(0.1, 10))
    other = optax.inject_hyperparams(optax.adamw)(learning_rate=optax.cosine_decay_schedule(0.1, 10))
    assert_close(train(mine, params, gradients)[0], train_in_float32(other, params, gradients)[0], 1e-6)


def test_flax_train_state_takes_ours() -> None:
    train_state = pytest.importorskip("flax.training.train_state")
    params = {"w": jnp.ones(3)}
    state = train_state.TrainState.create(apply_fn=None, params=params, tx=optim.sgd(0.5))
    assert_close(state.apply_gradients(grads=params).params, {"w": jnp.full(3, 0.5)}, 1e-6)


def test_chain_hands_extra_to_those_who_accept_it() -> None:
    seen = []

    def take_all(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        seen.append(set(extra))
        return updates, state

    def take_loss(updates: Any, state: Any, params: Any = None, *, loss: float) -> tuple[Any, Any]:
        seen.append({"loss"})
        return updates, state

    members = [
        optax.GradientTransformationExtraArgs(optax.init_empty_state, take_all),
        optax.GradientTransformation(optax.init_empty_state, take_loss),
    ]
    optimizer = optim.chain(optax.scale(2.0), optim.chain(*members), optim.scale(0.5), optax.scale_by_adam())
    params = {"w": jnp.ones(2)}
    optimizer.update(params, optimizer.init(params), params, loss=1.0, step=3)
    assert seen == [{"loss", "step"}, {"loss"}]


def test_chain_of_nothing_changes_nothing() -> None:
    assert optim.chain().update({"w": 1.0}, optim.chain().init({"w": 1.0})) == ({"w": 1.0}, ())


def test_chain_prints_as_its_call() -> None:
    assert repr(optim.chain(optim.scale(0.1), optim.identity())) == "chain(scale(step_size=0.1), identity())"


@pytest.mark.parametrize("member", [optim.adam, optim.scale_by_adam, 0.1])
def test_chain_refuses_what_is_no_transform(member: Any) -> None:
    with pytest.raises(TypeError, match=r"member 1 .* is no transform; pass the result of calling one"):
        optim.chain(optim.scale(0.1), member)


def test_chain_refuses_the_state_of_another() -> None:
    with pytest.raises(ValueError, match="1 transforms were given a state of length 2"):
        optim.chain(optim.scale(0.1)).update({}, optim.adam(0.1).init({}))


def test_a_rebuilt_optimizer_does_not_compile_again() -> None:
    traced = []

    @partial(jax.jit, static_argnums=0)
    def step(optimizer: optim.Transform, params: Any, state: Any) -> tuple[Any, Any]:
        traced.append(optimizer)
        updates, state = optimizer.update(params, state, params)
        return optim.apply_updates(params, updates), state

    def build() -> optim.Transform:
        schedule = optim.warmup_cosine_decay_schedule(0.0, 0.1, 2, 9)
        return optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(schedule, mask={"w": True}, mu_dtype="float32"))

    params = {"w": jnp.ones((2, 3))}
    state = build().init(params)
    for _ in range(3):
        params, state = step(build(), params, state)
    assert len(traced) == 1


def test_apply_updates_keeps_the_parameter() -> None:
    params = {"w": jnp.ones(2, jnp.bfloat16), "kept": {"a": jnp.ones(3)}, "none": None, "number": 1.0}
    updates = {"w": jnp.full(2, 0.5), "kept": None, "none": None, "number": 2.0}
    result = optim.apply_updates(params, updates)
    assert result["w"].dtype == jnp.bfloat16 and result["w"].tolist() == [1.5, 1.5]
    assert result["kept"]["a"] is params["kept"]["a"] and result["none"] is None
    assert result["number"] == 3.0 and not result["number"].weak_type


def test_apply_updates_names_what_differs() -> None:
    with pytest.raises(ValueError, match=r"updates and params do not match: updates has an entry at \['b'\]"):
        optim.apply_updates({"a": jnp.ones(1)}, {"a": jnp.ones(1), "b": jnp.ones(1)})


def test_global_norm() -> None:
    tree = {"w": jnp.array([3.0, 0.0]), "none": None, "wave": jnp.array([4j]), "half": jnp.array(12.0, jnp.bfloat16)}
    assert_close([optim.global_norm(tree)], [jnp.array(13.0)], 1e-6)
    assert optim.global_norm({}) == 0.0
    # 300^2 is more than float16 holds.
    assert_close([optim.global_norm(jnp.full(4, 300.0, jnp.float16))], [jnp.array(600.0)], 1e-6)
