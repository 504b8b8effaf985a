from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim


def test_follows_the_definition() -> None:
    numbers = np.random.default_rng(0)
    transform = optim.scale_by_adopt(0.8, 0.9, 1e-6)
    state = transform.init(jnp.zeros(4))
    nu, mu = np.zeros(4), np.zeros(4)
    for t in range(5):
        gradient = numbers.normal(size=4)
        update, state = transform.update(jnp.asarray(gradient, jnp.float32), state)
        if t == 0:
            nu = gradient**2
        else:
            mu = 0.8 * mu + 0.2 * np.clip(gradient / np.maximum(np.sqrt(nu), 1e-6), -(t**0.25), t**0.25)
            nu = 0.9 * nu + 0.1 * gradient**2
        np.testing.assert_allclose(update, mu, rtol=1e-4)


def test_the_divisor_has_not_seen_the_gradient() -> None:
    transform = optim.scale_by_adopt(b1=0.0, use_clipping=False)
    _, state = transform.update(jnp.full(1, 2.0), transform.init(jnp.zeros(1)))
    assert [float(transform.update(jnp.full(1, g), state)[0][0]) for g in (1.0, 10.0)] == [0.5, 5.0]


def test_a_jump_from_zero_gradients_is_clipped() -> None:
    transform = optim.scale_by_adopt(b1=0.0)
    update, state = transform.update(jnp.zeros(1), transform.init(jnp.zeros(1)))
    assert update == 0
    update, _ = transform.update(jnp.full(1, 1e6), state)
    assert update == 1  # count 1 ** 0.25, where the divisor is eps


def test_complex_updates_have_no_order_to_clip_by() -> None:
    params = jnp.ones(2, jnp.complex64)
    transform = optim.scale_by_adopt()
    with pytest.raises(ValueError, match="complex"):
        transform.update(params, transform.init(params))


@pytest.mark.parametrize("wrong", [{"b1": 1.0}, {"b2": -0.1}, {"eps": 0.0}])
def test_wrong_hyperparameters_are_named(wrong: dict[str, Any]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"scale_by_adopt: {name} must .*, got {value}; .*"):
        optim.scale_by_adopt(**wrong)
