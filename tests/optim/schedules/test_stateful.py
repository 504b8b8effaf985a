from __future__ import annotations

import inspect
import pickle

import jax
import jax.numpy as jnp
import optax

from backprop_jax import optim


def test_wrapped_schedule_counts_and_ignores_extra() -> None:
    wrapped = optim.WrappedSchedule(optim.linear_schedule(0.0, 1.0, 4))
    state = wrapped.init()
    values = []
    for _ in range(4):
        values.append(float(wrapped(state, loss=1.0)))
        state = jax.jit(wrapped.update)(state, loss=1.0)
    assert values == [0.0, 0.25, 0.5, 0.75] and state == optim.WrappedScheduleState(count=jnp.int32(4))
    assert state.count.dtype == jnp.int32 and not state.count.weak_type


def test_it_is_a_value_with_optax_names() -> None:
    wrapped = optim.WrappedSchedule(optim.constant_schedule(0.1))
    assert repr(wrapped) == "WrappedSchedule(schedule_fn=constant_schedule(value=0.1))"
    assert pickle.loads(pickle.dumps(wrapped)) == wrapped and hash(wrapped) == hash(pickle.loads(pickle.dumps(wrapped)))
    for method in ("init", "update", "__call__"):
        mine, other = (getattr(owner, method) for owner in (wrapped, optax.schedules.WrappedSchedule(lambda count: 1)))
        assert list(inspect.signature(mine).parameters)[:1] == list(inspect.signature(other).parameters)[:1]


def test_the_count_stays_at_the_largest() -> None:
    wrapped = optim.WrappedSchedule(optim.constant_schedule(0.1))
    last = optim.WrappedScheduleState(jnp.int32(2**31 - 1))
    assert wrapped.update(last) == last


def test_stateful_schedules_are_told_from_others() -> None:
    wrapped = optim.WrappedSchedule(optim.constant_schedule(0.1))
    assert isinstance(wrapped, optim.StatefulSchedule) and isinstance(wrapped, optax.schedules.StatefulSchedule)
    assert not isinstance(optim.constant_schedule(0.1), optim.StatefulSchedule)
