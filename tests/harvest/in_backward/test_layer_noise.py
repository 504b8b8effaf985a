"""Noise in the backward pass has the paper's deviation at each step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest import noise_layers


def test_the_noise_fades_as_the_paper_has_it() -> None:
    """Over a training of 300 steps, of two layers in a scan, of which each draws its own."""
    eta, gamma = 0.5, 0.6
    plain = bp.chain(noisy=bp.scan(bp.Dense(5), 2), rest=bp.Dense(2))
    model = noise_layers(plain, "noisy", eta, gamma)
    x = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    params, state = model.init(jax.random.key(0), x)
    y, _, saved = plain.forward(params, {"noisy": (), "rest": ()}, x)
    exact, exact_dx = plain.backward(params, saved, jnp.ones_like(y))

    def step(state, _):
        _, state, residuals = model.forward(params, state, x)
        return state, model.backward(params, residuals, jnp.ones_like(y))

    after, (found, dx) = jax.jit(lambda state: jax.lax.scan(step, state, length=300))(state)
    parts = [np.reshape(found["noisy"][n] - exact["noisy"][n], (300, 2, -1)) for n in ("w", "b")]
    deviation = np.sqrt(eta / (1 + np.arange(300)) ** gamma)
    noise = np.concatenate(parts, 2) / deviation[:, None, None]  # (300, 2, 30)
    np.testing.assert_allclose(np.std(noise, (1, 2)).mean(), 1, atol=0.02)
    np.testing.assert_allclose(np.std(noise, (0, 2)), 1, atol=0.05)
    assert abs(noise.mean()) < 0.04
    assert abs(np.mean(noise[:, 0] * noise[:, 1])) < 0.05 and abs(np.mean(noise[1:] * noise[:-1])) < 0.04
    assert np.std(noise[:10]) == pytest.approx(1, abs=0.15)  # where the deviation changes fastest
    np.testing.assert_allclose(found["rest"]["w"], np.broadcast_to(exact["rest"]["w"], (300, 5, 2)), rtol=1e-5)
    np.testing.assert_allclose(dx[-1], exact_dx, rtol=1e-5)
    assert np.all(jax.tree.leaves(after["noisy"].step) == np.array(300))


def test_bad_settings_are_refused() -> None:
    for eta, gamma in ((-0.1, 0.5), (1.0, -1.0), (float("inf"), 0.5), (float("nan"), 0.5)):
        with pytest.raises(ValueError, match="finite eta and gamma of 0 or more"):
            noise_layers(bp.Dense(2), bp.Dense, eta, gamma)
    with pytest.raises(ValueError, match="selects no layer"):
        noise_layers(bp.Dense(2), bp.Conv, 1.0)
