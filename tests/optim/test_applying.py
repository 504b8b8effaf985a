from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim


@pytest.mark.parametrize("name", ["apply_updates", "incremental_update", "periodic_update", "safe_increment"])
def test_signature_is_that_of_optax(name: str) -> None:
    mine, other = (inspect.signature(getattr(module, name)).parameters for module in (optim, optax))
    assert [(p.name, p.default, p.kind) for p in mine.values()] == [(p.name, p.default, p.kind) for p in other.values()]


def test_where_either_is_none() -> None:
    params = {"w": jnp.ones(2), "frozen": {"a": jnp.ones(3)}, "none": None}
    new = optim.apply_updates(params, {"w": jnp.ones(2), "frozen": None, "none": jnp.ones(4)})
    assert new["w"].tolist() == [2.0, 2.0] and new["frozen"] is params["frozen"] and new["none"] is None
    assert optim.apply_updates(None, jnp.ones(2)) is None and optim.apply_updates({}, {}) == {}


def test_parameters_keep_their_dtype() -> None:
    params = {"half": jnp.array(1.0, jnp.bfloat16), "count": jnp.array(3), "number": 1.0}
    new = optim.apply_updates(params, {"half": jnp.float32(2**-8), "count": jnp.float32(2.0), "number": 0.5})
    assert new == {"half": 1.0, "count": 5, "number": 1.5}
    assert new["half"].dtype == jnp.bfloat16 and new["count"].dtype == jnp.int32


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ({"w": jnp.ones((2, 1))}, r"at \['w'\] updates has shape \(2, 1\), params has \(2,\)"),
        ({}, r"no.*\['w'\]|\['w'\]"),
    ],
)
def test_updates_of_other_parameters_are_refused(updates: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"updates and params do not match: .*{message}"):
        optim.apply_updates({"w": jnp.ones(2)}, updates)


def test_incremental_update_averages() -> None:
    new = {"w": jnp.array([4.0, 0.0]), "count": jnp.array(4), "none": None}
    old = {"w": jnp.array([0.0, 2.0]), "count": jnp.array(1), "none": jnp.ones(2)}
    mixed = jax.jit(optim.incremental_update)(new, old, 0.25)
    assert mixed["w"].tolist() == [1.0, 1.5] and mixed["count"] == 1.75 and mixed["none"] is None


def test_a_single_precision_average_of_half_precision_parameters() -> None:
    params, average = jnp.ones(2, jnp.bfloat16), jnp.zeros(2)
    for _ in range(100):
        average = optim.incremental_update(params, average, 1e-3)
    assert average.dtype == jnp.float32
    np.testing.assert_allclose(average, 1 - 0.999**100, rtol=1e-5)
    half = optim.incremental_update(jnp.ones(2), jnp.zeros(2, jnp.bfloat16), jnp.float32(0.5))
    assert half.dtype == jnp.bfloat16


@pytest.mark.parametrize(("steps", "is_new"), [(0, True), (1, False), (4, False), (5, True), (10, True)])
def test_periodic_update_takes_over_every_fifth_step(steps: int, is_new: bool) -> None:
    new, old = {"w": jnp.ones(2), "none": None}, {"w": jnp.zeros(2), "none": None}
    for update in (optim.periodic_update, jax.jit(optim.periodic_update)):
        taken = update(new, old, steps, 5)
        assert taken["w"].tolist() == [float(is_new)] * 2 and taken["none"] is None


def test_a_period_of_no_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="periodic_update: update_period must be above 0, got 0; it is in steps"):
        optim.periodic_update(jnp.ones(2), jnp.zeros(2), 0, 0)


def test_global_norm() -> None:
    tree = {"w": jnp.array([[3.0, 0.0]]), "wave": jnp.array(4j), "count": jnp.array(12), "none": None}
    assert optim.global_norm(tree) == 13.0 and optim.global_norm({}) == 0.0
    assert optim.global_norm(jnp.full(4096, 1.0, jnp.bfloat16)) == 64.0  # in bfloat16 the sum stays at 256
    assert optim.global_norm([jnp.array([1.0, jnp.inf])]) == jnp.inf and jnp.isnan(optim.global_norm([jnp.nan]))
