from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim


def test_sizes_grow_shrink_and_wait() -> None:
    rprop = optim.scale_by_rprop(0.5, eta_minus=0.25, eta_plus=2.0, min_step_size=0.2, max_step_size=1.0)
    state = rprop.init(jnp.array(0.0))
    # Same sign, same sign again (the size is clipped), a turn, after the turn, a turn (clipped), no gradient.
    gradients = [1.0, 3.0, 0.1, -2.0, -2.0, 5.0, 0.0]
    sizes = [0.5, 1.0, 1.0, 0.25, 0.25, 0.2, 0.2]
    expected = [0.0, 0.5, 1.0, 0.0, 0.0, 0.0, 0.0]
    for gradient, size, update in zip(gradients, sizes, expected, strict=True):
        actual, state = rprop.update(jnp.array(gradient), state)
        np.testing.assert_allclose([actual, state.step_sizes], [update, size], rtol=1e-6)


def test_tiny_and_infinite_gradients_have_a_sign_too() -> None:
    # The product of the gradient and the last step would be 0, or NaN.
    rprop = optim.scale_by_rprop(1e-3)
    state = optim.ScaleByRpropState(jnp.full(2, 1e-3), jnp.array([1e-3, 0.0]))
    _, state = rprop.update(jnp.array([1e-37, jnp.inf]), state)
    np.testing.assert_allclose(state.step_sizes, [1.2e-3, 1e-3], rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"learning_rate": -1.0}, "learning_rate must not be negative or NaN, got -1.0"),
        ({"learning_rate": optim.constant_schedule(0.1)}, "learning_rate must be a number, got constant_schedule"),
        ({"eta_minus": 0.0}, "eta_minus must be above 0, got 0.0"),
        ({"max_step_size": float("nan")}, "max_step_size must be above 0, got nan"),
    ],
)
def test_wrong_hyperparameters_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"scale_by_rprop: {message}"):
        optim.scale_by_rprop(**{"learning_rate": 0.1, **wrong})


def test_complex_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scale_by_rprop: the parameter at \['w'\] is complex"):
        optim.scale_by_rprop(0.1).init({"w": jnp.ones(2, jnp.complex64)})
