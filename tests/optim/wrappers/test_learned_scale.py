from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim

CENTER = np.array([1.0, -2.0, 0.5])
START = np.array([3.0, 3.0, 3.0])
DECAY, EPS, S_INIT, BETAS = 0.1, 1e-8, 0.01, np.array([0.9, 0.99])


def mechanic(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The parameters and the scales after steps of gradient descent from START, in the form of the paper."""
    x, way = START.copy(), np.zeros(3)
    s, r, m, v = np.full(2, S_INIT), np.zeros(2), np.zeros(2), np.zeros(2)
    for _ in range(steps):
        gradient = x - CENTER
        decay = DECAY * s.sum() * np.linalg.norm(gradient) * x / np.linalg.norm(x)
        h = -np.dot(gradient + decay, way)
        r = BETAS * r + np.clip(h, -m, m) * s
        m = np.maximum(BETAS * m, abs(h) + EPS)
        v = BETAS**2 * v + h**2
        s = (S_INIT / 2 * m + np.maximum(r, 0)) / (np.sqrt(v) + EPS)
        way = way - gradient  # the paper adds up updates; the library has (x - START) / Σs in its place
        x = START + s.sum() * way
    return x, s


@pytest.mark.parametrize("steps", [1, 2, 5, 20])
def test_steps_are_those_of_the_paper(steps: int) -> None:
    with jax.enable_x64(True):
        optimizer = optim.mechanize(optim.sgd(1.0), DECAY, EPS, S_INIT, num_betas=2)
        params, state = jnp.asarray(START), optimizer.init(jnp.asarray(START))
        update = jax.jit(optimizer.update)
        for _ in range(steps):
            updates, state = update(params - CENTER, state, params)
            params = optim.apply_updates(params, updates)
        expected, scale = mechanic(steps)
        # The paper has no eps beside Σs.
        np.testing.assert_allclose(params, expected, rtol=1e-4)
        np.testing.assert_allclose(state.s, scale, rtol=1e-4)
        assert state.s.dtype == jnp.float64


def test_the_state_can_be_donated() -> None:
    optimizer, params = optim.mechanize(optim.sgd(1.0)), jnp.asarray(START)
    _, state = jax.jit(optimizer.update, donate_argnums=1)(params, optimizer.init(params), params)
    assert state.count == 1


def test_it_learns_a_learning_rate() -> None:
    optimizer = optim.mechanize(optim.sgd(0.1), s_init=1e-4)

    def step(carry: Any, _: None) -> tuple[Any, None]:
        params, state = carry
        updates, state = optimizer.update(params - CENTER, state, params)
        return (optim.apply_updates(params, updates), state), None

    start = jnp.asarray(START, jnp.float32)
    (params, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), length=500)
    # At the first scale, 500 steps would go 0.5 % of the way.
    np.testing.assert_allclose(params, CENTER, atol=0.1)


def test_zero_gradients_leave_everything_finite() -> None:
    optimizer = optim.mechanize(optim.adam(0.1))
    params = {"w": jnp.zeros(2, jnp.bfloat16), "none": None}
    state = optimizer.init(params)
    for _ in range(2):
        updates, state = optimizer.update(params, state, params)
        assert updates["w"].tolist() == [0.0, 0.0] and updates["none"] is None
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(state))


def test_it_starts_from_the_parameters_of_the_first_update() -> None:
    optimizer = optim.mechanize(optim.sgd(0.1))
    loaded, later = {"w": jnp.full(2, 5.0)}, {"w": jnp.full(2, 7.0)}
    _, state = optimizer.update(loaded, optimizer.init({"w": jnp.zeros(2)}), loaded)
    _, state = optimizer.update(loaded, state, later)
    assert state.x0["w"].tolist() == [5.0, 5.0]


def test_complex_parameters_are_pairs_of_real_ones() -> None:
    optimizer = optim.mechanize(optim.sgd(1.0), s_init=0.01)
    wave, gradient = jnp.array([1 + 2j, 3 - 1j]), jnp.array([0.5 - 1j, 2 + 1j])
    pair = lambda x: jnp.stack([x.real, x.imag])
    updates = []
    for params, g in ((wave, gradient), (pair(wave), pair(gradient))):
        state = optimizer.init(params)
        for _ in range(3):
            update, state = optimizer.update(g, state, params)
            params = params + update
        updates.append(update)
    np.testing.assert_allclose(pair(updates[0]), updates[1], rtol=1e-5)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="mechanize: num_betas must be a whole number above 0, got 0"):
        optim.mechanize(optim.sgd(0.1), num_betas=0)
    with pytest.raises(ValueError, match=r"mechanize: s_init must be above 0, got 0.0"):
        optim.mechanize(optim.sgd(0.1), s_init=0.0)
    optimizer = optim.mechanize(optim.sgd(0.1))
    with pytest.raises(ValueError, match=r"needs the parameters; call update\(updates, state, params\)"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
