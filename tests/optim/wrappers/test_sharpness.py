from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim

RATE, RHO = 0.1, 0.5
CURVATURE = np.array([1.0, 4.0, 0.5])
START = np.array([1.0, -2.0, 3.0])


def slope(params: Any, step: Any = 0) -> Any:
    return CURVATURE * params


def two_steps(params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The point that the paper climbs to, and where it steps from there."""
    gradient = slope(params)
    worst = params + RHO * gradient / np.linalg.norm(gradient)
    return worst, params - RATE * slope(worst)


def build(**options: Any) -> Any:
    return optim.sam(optim.sgd(RATE), optim.chain(optim.normalize(), optim.sgd(RHO)), **options)


def test_every_other_step_is_up() -> None:
    optimizer = build()
    params = jnp.asarray(START, jnp.float32)
    state, expected = optimizer.init(params), START
    for _ in range(3):
        worst, expected_next = two_steps(expected)
        for target in (worst, expected_next):
            updates, state = jax.jit(optimizer.update)(slope(params), state, params)
            params = optim.apply_updates(params, updates)
            np.testing.assert_allclose(params, target, rtol=1e-5)
        expected = expected_next


def test_an_opaque_update_is_both() -> None:
    optimizer = build(opaque_mode=True)
    params = jnp.asarray(START, jnp.float32)
    state, expected = optimizer.init(params), START
    for _ in range(3):
        updates, state = optimizer.update(slope(params), state, params, grad_fn=slope)
        params, expected = optim.apply_updates(params, updates), two_steps(expected)[1]
        np.testing.assert_allclose(params, expected, rtol=1e-5)
    assert state.cache is None and state.steps_since_sync == 0


def test_opaque_steps_are_numbered_and_averaged_over_devices() -> None:
    optimizer = build(sync_period=3, opaque_mode=True, batch_axis_name="devices")
    numbers = []

    def gradient(params: Any, i: int) -> Any:
        numbers.append(i)
        return slope(params) * jnp.array([1.0, 3.0])[jax.lax.axis_index("devices")]

    params = jnp.asarray(START, jnp.float32)

    @partial(jax.vmap, axis_name="devices", in_axes=None, axis_size=2)
    def update(params: Any) -> Any:
        return optimizer.update(slope(params), optimizer.init(params), params, grad_fn=gradient)[0]

    updates = update(params)
    worst, direction = START, slope(START)
    for _ in range(2):
        worst = worst + RHO * direction / np.linalg.norm(direction)
        direction = 2 * slope(worst)
    np.testing.assert_allclose(updates, [-RATE * direction] * 2, rtol=1e-5)
    assert numbers == [0, 1]


@pytest.mark.parametrize("opaque_mode", [False, True])
@pytest.mark.parametrize("reset_state", [False, True])
def test_the_state_of_the_climb_starts_anew_if_wanted(opaque_mode: bool, reset_state: bool) -> None:
    optimizer = optim.sam(optim.sgd(RATE), optim.sgd(RHO, 0.9), 2, reset_state, opaque_mode)
    params = jnp.ones(2)
    state = optimizer.init(params)
    for _ in range(1 if opaque_mode else 2):
        _, state = optimizer.update(jnp.ones(2), state, params, grad_fn=lambda params, i: params)
    assert state.adv_state[0].trace.tolist() == ([0.0, 0.0] if reset_state else [1.0, 1.0])


@pytest.mark.parametrize("options", [{"opaque_mode": False}, {"opaque_mode": True}])
def test_with_a_period_of_one_it_is_the_optimizer(options: dict[str, bool]) -> None:
    optimizer, alone = build(sync_period=1, **options), optim.sgd(RATE)
    params = expected = jnp.asarray(START, jnp.float32)
    state, alone_state = optimizer.init(params), alone.init(params)
    for _ in range(3):
        updates, state = optimizer.update(slope(params), state, params, grad_fn=slope)
        params = optim.apply_updates(params, updates)
        updates, alone_state = alone.update(slope(expected), alone_state, expected)
        expected = optim.apply_updates(expected, updates)
        np.testing.assert_allclose(params, expected, rtol=1e-6)


def test_extra_reaches_both_optimizers() -> None:
    optimizer = optim.sam(optim.reduce_on_plateau(), optim.reduce_on_plateau(), reset_state=False)
    params = jnp.ones(2)
    state = optimizer.init(params)
    for value in (3.0, 2.0):
        _, state = optimizer.update(jnp.ones(2), state, params, value=value)
    assert (float(state.adv_state.best_value), float(state.opt_state.best_value)) == (3.0, 2.0)


def test_it_goes_on_from_the_state_of_optax_and_passes_over_none() -> None:
    params = {"w": jnp.ones(2), "none": None}
    other = optax.contrib.sam(optax.adam(RATE), optax.chain(optax.contrib.normalize(), optax.sgd(RHO)))
    mine = optim.sam(optim.adam(RATE), optim.chain(optim.normalize(), optim.sgd(RHO)))
    state: Any = other.init(params)
    updates, new_state = mine.update(params, state, params)
    assert updates["none"] is None and jax.tree.structure(new_state) == jax.tree.structure(state)


def test_normalize() -> None:
    updates = {"a": jnp.array([3.0], jnp.bfloat16), "b": jnp.array([4j]), "none": None}
    unit, _ = optim.normalize().update(updates, optim.EmptyState())
    np.testing.assert_allclose(np.asarray(unit["a"], np.float32), [0.6], rtol=1e-2)
    np.testing.assert_allclose(unit["b"], [0.8j], rtol=1e-6)
    # Zero has no direction; optax makes NaN of it.
    zero, _ = optim.normalize().update(jnp.zeros(2), optim.EmptyState())
    assert zero.tolist() == [0.0, 0.0]


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="sam: sync_period must be a whole number above 0, got 0"):
        build(sync_period=0)
    with pytest.raises(TypeError, match=r"sam: adv_optimizer is .* no transform"):
        optim.sam(optim.sgd(RATE), optim.normalize)
    params = jnp.ones(2)
    with pytest.raises(ValueError, match=r"sam: update needs the parameters; call update\(updates, state, params\)"):
        build().update(params, build().init(params))
    opaque = build(opaque_mode=True)
    with pytest.raises(ValueError, match=r"needs the gradient function; call update\(..., grad_fn=...\)"):
        opaque.update(params, opaque.init(params), params)
