from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax import optim
from tests.optim.oracle import rejects_update


def test_parameters_stop_at_zero() -> None:
    keep = optim.keep_params_nonnegative()
    params = {"w": jnp.array([1.0, 0.5, 0.0, -2.0, 0.0]), "frozen": None}
    updates = {"w": jnp.array([-0.5, -2.0, 1.0, 1.0, -0.0]), "frozen": None}
    updates, _ = keep.update(updates, keep.init(params), params)
    assert updates["w"].tolist() == [-0.5, -0.5, 1.0, 2.0, 0.0]
    assert "update needs the parameters" in rejects_update(keep, updates, optim.NonNegativeParamsState())


def test_half_precision_parameters_stop_at_zero() -> None:
    keep = optim.keep_params_nonnegative()
    params = jnp.abs(jax.random.normal(jax.random.key(0), (1000,), jnp.bfloat16))
    updates, _ = keep.update(jax.random.normal(jax.random.key(1), (1000,), jnp.bfloat16), keep.init(params), params)
    params = optim.apply_updates(params, updates)
    assert (params >= 0).all() and (params == 0).any()


def test_nans_are_zeroed_and_noted_until_the_next_step() -> None:
    zero_nans = optim.zero_nans()
    updates = {"w": jnp.array([1.0, np.nan, -np.inf]), "b": jnp.array(2.0, jnp.bfloat16), "frozen": None}
    state = zero_nans.init({"w": jnp.zeros(3), "b": jnp.zeros((), jnp.bfloat16), "frozen": {"a": jnp.zeros(2)}})
    updates, state = jax.jit(zero_nans.update)(updates, state)
    assert updates["w"].tolist() == [1.0, 0.0, -np.inf] and updates["b"] == 2.0
    assert state == optim.ZeroNansState({"w": True, "b": False, "frozen": {"a": False}})
    _, state = zero_nans.update(updates, state)
    assert state == optim.ZeroNansState({"w": False, "b": False, "frozen": {"a": False}})
    assert state.found_nan["w"].dtype == bool


def test_complex_nans() -> None:
    updates = jnp.array([complex(1.0, np.nan), 1j], jnp.complex64)
    updates, state = optim.zero_nans().update(updates, optim.ZeroNansState(jnp.array(False)))
    assert updates.tolist() == [0, 1j] and state.found_nan


def test_empty_tree() -> None:
    zero_nans = optim.zero_nans()
    assert zero_nans.update({}, zero_nans.init({})) == ({}, optim.ZeroNansState({}))
