from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim


def test_sums_come_every_k_steps() -> None:
    every = optim.apply_every(3)
    state = every.init(jnp.zeros(2))
    for t, expected in enumerate([0.0, 0.0, 0 + 1 + 2, 0.0, 0.0, 3 + 4 + 5, 0.0]):
        update, state = every.update(jnp.full(2, float(t)), state)
        assert update.tolist() == [expected] * 2 and state.count == (t + 1) % 3


def test_a_nan_is_gone_after_its_k_steps() -> None:
    every = optim.apply_every(2)
    state = every.init(jnp.array(0.0))
    updates = []
    for gradient in [jnp.nan, 1.0, 2.0, 3.0]:
        update, state = every.update(jnp.array(gradient), state)
        updates.append(update)
    np.testing.assert_array_equal(updates, [0.0, np.nan, 0.0, 5.0])


@pytest.mark.parametrize("k", [0, -1, 2.5])
def test_k_must_be_a_whole_number(k: int) -> None:
    with pytest.raises(ValueError, match=f"apply_every: k must be a whole number above 0, got {k}; 1 lets"):
        optim.apply_every(k)
