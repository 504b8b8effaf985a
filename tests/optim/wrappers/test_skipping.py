from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close

ONE, NAN, INF = (jnp.array(value) for value in (1.0, jnp.nan, jnp.inf))


def test_steps_without_finite_gradients_are_left_out() -> None:
    optimizer = optim.apply_if_finite(optim.adam(0.1), max_consecutive_errors=2)
    update = jax.jit(optimizer.update)
    state = optimizer.init(ONE)
    counts, kept = [], []
    for gradient in (ONE, NAN, INF, ONE, NAN, NAN):
        updates, new_state = update(gradient, state, ONE)
        kept.append(bool(jax.tree.all(jax.tree.map(jnp.array_equal, new_state.inner_state, state.inner_state))))
        assert (updates == 0) == kept[-1] == (not new_state.last_finite)
        state = new_state
        counts.append((int(state.notfinite_count), int(state.total_notfinite)))
    assert kept == [False, True, True, False, True, True]
    assert counts == [(0, 0), (1, 1), (2, 2), (0, 2), (1, 3), (2, 4)]
    assert jnp.isnan(update(NAN, state, ONE)[0])  # the third in a row is used


def test_one_bad_number_is_enough() -> None:
    optimizer = optim.apply_if_finite(optim.scale(2.0), 1)
    gradient = {"a": jnp.ones(2), "b": jnp.array([1.0, -jnp.inf]), "none": None}
    updates, _ = optimizer.update(gradient, optimizer.init(gradient))
    assert_close(updates, {"a": jnp.zeros(2), "b": jnp.zeros(2), "none": None}, 0.0)


def test_counts_do_not_overflow() -> None:
    optimizer = optim.apply_if_finite(optim.scale(2.0), 1)
    last = jnp.array(2**31 - 1, jnp.int32)
    state = optimizer.init(ONE)._replace(notfinite_count=last, total_notfinite=last)
    _, state = optimizer.update(NAN, state)
    assert state.notfinite_count == state.total_notfinite == last


@pytest.mark.parametrize(
    "wrap", [lambda inner: optim.apply_if_finite(inner, 1), lambda inner: optim.MultiSteps(inner, 1)]
)
def test_inner_transforms_get_extra_and_may_be_careless_with_types(wrap: Any) -> None:
    def update(updates: Any, state: Any, params: Any = None, *, loss: Any) -> tuple[Any, Any]:
        # A wide update, and a state that starts as a Python number.
        return loss * updates.astype(jnp.float32), {"sum": state["sum"] + loss}

    inner: Any = optax.GradientTransformationExtraArgs
    optimizer = wrap(inner(lambda params: {"sum": 0}, update))
    gradient = jnp.ones(2, jnp.bfloat16)
    updates, state = jax.jit(optimizer.update)(gradient, optimizer.init(gradient), loss=jnp.array(3.0), unknown=0)
    assert updates.tolist() == [3.0, 3.0] and optax.tree.get(state, "sum") == 3


def test_skip_large_updates_takes_every_dtype() -> None:
    updates = {"wave": jnp.array([3 + 4j]), "half": jnp.full(4, 300.0, jnp.float16), "none": None}
    skips, report = optim.skip_large_updates(updates, jnp.array(0), None, max_squared_norm=360_025.0)
    assert skips and report["norm_squared"] == 360_025.0 and report["norm_squared"].dtype == jnp.float32
    assert not optim.skip_large_updates(updates, jnp.array(0), None, max_squared_norm=360_026.0)[0]


def test_nothing_is_finite_and_small() -> None:
    assert not optim.skip_not_finite({}, jnp.array(0), None)[0]
    assert not optim.skip_large_updates({}, jnp.array(0), None, 1.0)[0]


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(TypeError, match=r"apply_if_finite: inner is .* no transform"):
        optim.apply_if_finite(optim.sgd, 1)
    with pytest.raises(ValueError, match="max_consecutive_errors must not be negative or NaN, got -1"):
        optim.apply_if_finite(optim.sgd(0.1), -1)
