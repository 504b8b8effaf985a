from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, rejects_update, train, train_in_float32
from tests.temporary_memory import temporary_bytes


@pytest.mark.parametrize("wrong", [{"b1": 1.0}, {"b2": -0.1}, {"eps": -1e-8}, {"eps_root": float("nan")}])
def test_wrong_hyperparameters_are_named(wrong: dict[str, float]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"scale_by_adam: {name} must .*, got {value}; .* is usual"):
        optim.scale_by_adam(**wrong)


def test_bfloat16_is_as_exact_as_optax() -> None:
    params, gradients = params_and_gradients({"w": jax.ShapeDtypeStruct((64,), jnp.bfloat16)})
    exact_params, exact_gradients = jax.tree.map(lambda x: x.astype(jnp.float32), (params, gradients))
    updates = {
        "exact": train(optax.adam(0.1), exact_params, exact_gradients)[2],
        "ours": train(optim.adam(0.1), params, gradients)[2],
        "optax": train(optax.adam(0.1), params, gradients)[2],
    }
    exact, ours, theirs = (np.asarray(update["w"], np.float32) for update in updates.values())
    assert np.abs(ours - exact).max() <= 1.5 * np.abs(theirs - exact).max()


def test_float16_does_not_underflow() -> None:
    # eps and the squared gradient are both zero in float16: optax divides zero by zero.
    gradient = jnp.full(3, 1e-4, jnp.float16)
    adam = optim.scale_by_adam()
    state = adam.init(jnp.ones(3, jnp.float32))
    update, _ = adam.update(gradient, state)
    assert update.dtype == jnp.float16
    np.testing.assert_allclose(np.asarray(update, np.float32), 1.0, rtol=1e-3)


def test_float64() -> None:
    with jax.enable_x64(True):
        shapes = {"w": jax.ShapeDtypeStruct((5,), jnp.float64), "single": jax.ShapeDtypeStruct((5,), jnp.float32)}
        params, gradients = params_and_gradients(shapes)
        schedule = optim.cosine_decay_schedule(0.1, 10)
        mine = train(optim.adamw(schedule), params, gradients)
        other = train(optax.adamw(optax.cosine_decay_schedule(0.1, 10)), params, gradients)
        assert_close(mine[0]["w"], other[0]["w"], 1e-13)
        assert mine[2]["w"].dtype == jnp.float64 and mine[2]["single"].dtype == jnp.float32


def test_hyperparameters_may_be_traced() -> None:
    params, gradients = params_and_gradients({"w": jax.ShapeDtypeStruct((5,), jnp.float32)})
    b1, b2, eps = jnp.array([0.8, 0.9]), jnp.array([0.9, 0.99]), jnp.array([1e-8, 1e-3])
    mine = jax.vmap(lambda *betas: train(optim.scale_by_adam(*betas), params, gradients))(b1, b2, eps)
    other = jax.vmap(lambda *betas: train_in_float32(optax.scale_by_adam(*betas), params, gradients))(b1, b2, eps)
    assert_close(mine, other, 1e-5)


def test_without_a_gradient_the_moments_stay() -> None:
    adam = optim.scale_by_adam()
    params = {"w": jnp.ones(2), "frozen": {"a": jnp.ones(2), "b": jnp.ones(3)}}
    updates, state = adam.update({"w": jnp.ones(2), "frozen": None}, adam.init(params))
    assert updates["frozen"] is None and jax.tree.structure(state.mu) == jax.tree.structure(params)


def test_state_of_other_parameters_is_refused() -> None:
    state = optim.scale_by_adam().init({"w": jnp.ones((2, 3))})
    assert "at ['w'] updates has shape (3,), mu has (2, 3)" in rejects_update(
        optim.scale_by_adam(), {"w": jnp.ones(3)}, state
    )


def test_thirteen_operations_a_leaf() -> None:
    adam = optim.scale_by_adam()

    def operations(leaves: int) -> int:
        params = [jnp.ones(3)] * leaves
        return jax.jit(adam.update).lower(params, adam.init(params)).cost_analysis()["flops"]

    # One root, one division, and eleven of the cheap kind for each of the three elements.
    assert operations(2) - operations(1) <= 13 * 3


def test_no_temporary_of_a_leafs_size() -> None:
    adam = optim.scale_by_adam()

    def step(params: Any, state: Any, gradients: Any) -> tuple[Any, Any]:
        updates, state = adam.update(gradients, state)
        return optim.apply_updates(params, updates), state

    params = {"w": jnp.ones(4096)}
    assert temporary_bytes(jax.jit(step, donate_argnums=(0, 1)).lower(params, adam.init(params), params)) < 4096


def test_a_real_mu_keeps_the_real_part() -> None:
    gradient = jnp.array([1 + 2j, 3 - 4j], jnp.complex64)
    adam = optim.scale_by_adam(mu_dtype="float32")
    with pytest.warns(match="discards the imaginary part"):
        update, state = adam.update(gradient, adam.init(gradient))
    assert update.dtype == jnp.complex64 and state.mu.dtype == jnp.float32
    np.testing.assert_allclose(state.mu, [0.1, 0.3], rtol=1e-6)


def test_radam_is_a_mean_until_the_sixth_step() -> None:
    # Liu et al., section 4: with b2 = 0.999, rho passes 5 between the steps 5 and 6.
    radam, gradient = optim.scale_by_radam(), jnp.array(100.0)
    state = radam.init(gradient)
    for step in range(1, 7):
        update, state = radam.update(gradient, state)
        assert (abs(update - 100.0) < 1e-2) == (step < 6)


def test_radam_has_no_nan_to_hide() -> None:
    # Below the threshold r is the root of a negative number: selected away, it would still spoil derivatives.
    def update(b2: jax.Array) -> jax.Array:
        radam = optim.scale_by_radam(b2=b2)
        return radam.update(jnp.array(2.0), radam.init(jnp.array(1.0)))[0]

    assert jax.grad(update)(jnp.array(0.999)) == 0.0
