from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, ours, params_and_gradients, train

SHAPES = {"w": jax.ShapeDtypeStruct((3, 4), jnp.float32), "wave": [jax.ShapeDtypeStruct((2,), jnp.complex64), None]}


def train_with_optax(optimizer: Any, params: Any, gradients: Any) -> tuple[Any, Any]:
    params = optax.LookaheadParams.init_synced(params)
    state = optimizer.init(params)
    for t in range(50):
        gradient = jax.tree.map(lambda steps, t=t: steps[t], gradients)
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params, state


@pytest.mark.parametrize("options", [{}, {"reset_state": True}])
def test_fifty_steps_equal_optax(options: dict[str, bool]) -> None:
    params, gradients = params_and_gradients(SHAPES)
    optimizer = optim.lookahead(optim.adam(0.1), 5, slow_step_size=0.3, **options)
    mine = train(optimizer, optim.LookaheadParams.init_synced(params), gradients)[:2]
    other = train_with_optax(optax.lookahead(optax.adam(0.1), 5, 0.3, **options), params, gradients)
    assert_close(mine, other, 1e-5)
    assert optim.lookahead(optim.adam(0.1), 5, 0.3, **options) == ours(repr(optimizer))


def test_it_goes_on_from_the_state_of_optax() -> None:
    params = optim.LookaheadParams.init_synced({"w": jnp.ones(2)})
    state: Any = optax.lookahead(optax.adam(0.1), 1, 0.5).init(optax.LookaheadParams.init_synced({"w": jnp.ones(2)}))
    mine = optim.lookahead(optim.adam(0.1), 1, 0.5, reset_state=True)
    _, new_state = mine.update({"w": jnp.ones(2)}, state, params)
    assert jax.tree.structure(new_state) == jax.tree.structure(state)


def test_two_sets_of_parameters_by_hand() -> None:
    # Fast: 8 - 1 = 7, - 1 = 6; slow: 8 + (6 - 8) / 4 = 7.5, where both meet.
    optimizer = optim.lookahead(optim.sgd(1.0), sync_period=2, slow_step_size=0.25)
    params = optim.LookaheadParams.init_synced({"w": jnp.array(8.0), "none": None})
    state, seen = optimizer.init(params), []
    for _ in range(3):
        updates, state = optimizer.update({"w": jnp.array(1.0), "none": None}, state, params, unknown=1)
        params = optim.apply_updates(params, updates)
        seen.append((float(params.fast["w"]), float(params.slow["w"])))
    assert seen == [(7.0, 8.0), (7.5, 7.5), (6.5, 7.5)] and state.steps_since_sync == 1


def test_updates_keep_the_dtype_and_an_infinity_waits_for_the_sync() -> None:
    optimizer = optim.lookahead(optim.sgd(1.0), 2, 0.5)
    params = optim.LookaheadParams.init_synced(jnp.ones(2))
    updates, _ = optimizer.update(jnp.full(2, jnp.inf, jnp.bfloat16), optimizer.init(params), params)
    assert updates.fast.dtype == updates.slow.dtype == jnp.bfloat16 and updates.slow.tolist() == [0.0, 0.0]


def test_extra_reaches_the_fast_optimizer() -> None:
    optimizer = optim.lookahead(optim.reduce_on_plateau(), 2, 0.5)
    params = optim.LookaheadParams.init_synced(jnp.ones(2))
    _, state = optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)), params, value=3.0)
    assert state.fast_state.best_value == 3.0


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="lookahead: sync_period must be a whole number above 0, got 0"):
        optim.lookahead(optim.sgd(1.0), 0, 0.5)
    optimizer = optim.lookahead(optim.sgd(1.0), 2, 0.5)
    with pytest.raises(ValueError, match=r"got a NoneType; start with params = LookaheadParams.init_synced\(params\)"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
