from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, random_like

PASS_ON = optim.scale(1.0)


def run(optimizer: Any, params: Any, gradients: Any) -> tuple[Any, Any]:
    """The updates of all steps, and the last state, by scan: it demands that the state keeps its types."""
    step = lambda state, gradient: optimizer.update(gradient, state, params)[::-1]
    state, updates = jax.jit(lambda state, gradients: jax.lax.scan(step, state, gradients))(
        optimizer.init(params), gradients
    )
    return updates, state


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "complex64"])
@pytest.mark.parametrize("use_grad_mean", [True, False])
def test_every_kth_update_is_the_mean(dtype: str, use_grad_mean: bool) -> None:
    gradients = random_like(jax.ShapeDtypeStruct((12, 5), jnp.dtype(dtype)), 0)
    updates, state = run(optim.MultiSteps(PASS_ON, 4, use_grad_mean), gradients[0], gradients)
    groups = np.asarray(gradients, np.complex128).reshape(3, 4, 5)
    expected = np.zeros((3, 4, 5), np.complex128)
    expected[:, 3] = groups.mean(axis=1) if use_grad_mean else groups.sum(axis=1)
    assert updates.dtype == gradients.dtype
    # The mean is rounded once, from float32: optax drops the imaginary part of its complex numbers.
    precision = float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(np.asarray(updates, np.complex128), expected.reshape(12, 5), rtol=precision, atol=1e-6)
    assert state.acc_grads.dtype == (jnp.complex64 if dtype == "complex64" else jnp.float32)


@pytest.mark.parametrize(("wanted", "found"), [(None, "bfloat16"), ("bfloat16", "bfloat16"), ("complex64", "float32")])
def test_dtype_of_the_accumulator(wanted: str | None, found: str) -> None:
    gradients = jnp.array([1.0, 3.0], jnp.bfloat16)
    updates, state = run(optim.MultiSteps(PASS_ON, 2, accumulator_dtype=wanted), gradients[0], gradients)
    assert state.acc_grads.dtype == found and updates.tolist() == [0.0, 2.0]


def test_float64_is_accumulated_as_asked() -> None:
    with jax.enable_x64(True):
        gradients = jnp.array([1.0, 1.0 + 1e-12])
        updates, _ = run(optim.MultiSteps(PASS_ON, 2, accumulator_dtype="float64"), gradients[0], gradients)
        assert updates.dtype == jnp.float64 and abs(updates[1] - 1.0 - 5e-13) < 1e-15


def test_k_may_depend_on_the_steps_taken() -> None:
    optimizer = optim.MultiSteps(PASS_ON, lambda step: jnp.where(step < 2, 1.0, 3.0))
    updates, state = run(optimizer, jnp.array(0.0), jnp.arange(1.0, 9.0))
    assert updates.tolist() == [1.0, 2.0, 0.0, 0.0, 4.0, 0.0, 0.0, 7.0]
    assert state.gradient_step == 4 and optimizer.has_updated(state)
    assert not optimizer.has_updated(optimizer.init(jnp.array(0.0)))


def test_the_optimizer_acts_at_its_steps_only() -> None:
    # Where there is no step, its update may be anything: an infinity times zero would be NaN.
    updates, state = run(optim.MultiSteps(optim.chain(optim.scale(jnp.inf), optim.trace(0.9)), 2), 1.0, jnp.ones(3))
    assert updates.tolist() == [0.0, jnp.inf, 0.0] and state.inner_opt_state[1].trace == jnp.inf


def test_skipped_gradients_count_for_nothing() -> None:
    gradients = {"a": jnp.array([1.0, jnp.nan, 3.0, jnp.inf, 5.0, 7.0]), "b": jnp.ones(6)}
    optimizer = optim.MultiSteps(PASS_ON, 2, should_skip_update_fn=optim.skip_not_finite)
    updates, state = run(optimizer, {"a": 0.0, "b": 0.0}, gradients)
    assert_close(updates, {"a": jnp.array([0.0, 0, 2, 0, 0, 6]), "b": jnp.array([0.0, 0, 1, 0, 0, 1])}, 1e-6)
    assert state.skip_state == {"should_skip": False, "num_not_finite": 0} and state.gradient_step == 2


def test_reports_keep_their_types() -> None:
    # Parameters and gradients differ in dtype, and the report of the user's function with them.
    def report(updates: Any, step: Any, params: Any) -> tuple[Any, Any]:
        return jnp.abs(updates).max() > 2, {"largest": jnp.abs(updates).max(), "limit": 2}

    optimizer = optim.MultiSteps(PASS_ON, 1, should_skip_update_fn=report)
    updates, state = run(optimizer, jnp.float32(0.0), jnp.array([1.0, 3.0], jnp.bfloat16))
    assert updates.tolist() == [1.0, 0.0] and state.skip_state["largest"].dtype == jnp.float32
    large = optim.MultiSteps(PASS_ON, 1, should_skip_update_fn=partial(optim.skip_large_updates, max_squared_norm=4.0))
    assert run(large, jnp.float32(0.0), jnp.array([1.0, 3.0], jnp.bfloat16))[0].tolist() == [1.0, 0.0]


def test_none_and_nothing() -> None:
    optimizer = optim.MultiSteps(optim.adam(0.1), 2)
    params = {"w": jnp.ones(2), "frozen": {"a": jnp.ones(3)}}
    updates, state = optimizer.update({"w": jnp.ones(2), "frozen": None}, optimizer.init(params), params)
    assert updates["frozen"] is None and state.acc_grads["frozen"]["a"].tolist() == [0.0, 0.0, 0.0]
    assert optimizer.update({}, optimizer.init({}))[0] == {}


def test_updates_may_have_another_structure() -> None:
    optimizer = optim.MultiSteps(optim.lookahead(optim.sgd(1.0), 1, 0.5), 2)
    params = optim.LookaheadParams.init_synced({"w": jnp.array(4.0)})
    state: Any = optimizer.init({"w": jnp.array(4.0)})
    for number in (1.0, 3.0):
        updates, state = optimizer.update({"w": jnp.array(number)}, state, params)
    assert updates.fast["w"].tolist() == updates.slow["w"].tolist() == -1.0


def test_numbers_of_steps_do_not_overflow() -> None:
    optimizer = optim.MultiSteps(PASS_ON, 1)
    last = jnp.array(2**31 - 1, jnp.int32)
    _, state = optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2))._replace(gradient_step=last))
    assert state.gradient_step == last


def test_it_is_used_as_in_optax() -> None:
    optimizer = optim.MultiSteps(optax.sgd(0.1), every_k_schedule=1)
    init, update = optimizer.gradient_transformation()
    updates, state = update(jnp.ones(2), init(jnp.ones(2)))
    assert optimizer.has_updated(state) and optimizer.inner_opt.init and updates.tolist() == pytest.approx([-0.1, -0.1])
    assert optimizer.elementwise is False and optim.MultiSteps(optim.sgd(0.1), 2).elementwise


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="MultiSteps: every_k_schedule must be a whole number above 0, got 0"):
        optim.MultiSteps(PASS_ON, 0)
    with pytest.raises(ValueError, match=r"MultiSteps: accumulator_dtype must be .*, got .*int32"):
        optim.MultiSteps(PASS_ON, 2, accumulator_dtype=jnp.int32)
    skips = optim.MultiSteps(PASS_ON, 2, should_skip_update_fn=lambda updates, step, params: (jnp.zeros(2), ()))
    with pytest.raises(ValueError, match=r"must return a scalar bool.* got float32 of shape \(2,\)"):
        skips.init(jnp.ones(2))
