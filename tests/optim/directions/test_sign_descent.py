from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, rejects_update


def test_sign_of_special_values() -> None:
    gradient = jnp.array([0.0, -0.0, 1e-37, -jnp.inf, jnp.nan])
    update, _ = optim.scale_by_sign().update(gradient, optim.EmptyState())
    np.testing.assert_array_equal(update, [0.0, 0.0, 1.0, -1.0, np.nan])


@pytest.mark.parametrize("wrong", [{"b1": 1.0}, {"b2": -0.1}])
def test_wrong_decays_are_named(wrong: dict[str, float]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=rf"scale_by_lion: {name} must be in \[0, 1\), got {value}"):
        optim.scale_by_lion(**wrong)


def test_unknown_mode_is_named_at_update() -> None:
    lion = optim.scale_by_lion(mode="soft")  # type: ignore[arg-type]
    message = rejects_update(lion, jnp.ones(2), lion.init(jnp.ones(2)))
    assert message == "scale_by_lion: mode must be one of hard, smooth, refined, got 'soft'"


def test_the_step_weighs_the_gradient_otherwise_than_the_state_does() -> None:
    # g = 1, then -1: the step mixes with b1 = 0.5, the state with b2 = 0.9.
    lion = optim.scale_by_lion(0.5, 0.9, mode="refined")
    first, state = lion.update(jnp.array(1.0), lion.init(jnp.array(0.0)))
    second, state = lion.update(jnp.array(-1.0), state)
    assert_close([first, second, state.mu], [jnp.array(x) for x in (0.5, 0.5 * 0.1 - 0.5, 0.9 * 0.1 - 0.1)], 1e-6)


def test_without_a_gradient_the_average_stays() -> None:
    lion = optim.scale_by_lion()
    state = optim.ScaleByLionState(jnp.array(3, jnp.int32), {"w": jnp.ones(2), "b": jnp.ones(2)})
    updates, state = lion.update({"w": jnp.ones(2), "b": None}, state)
    assert updates["b"] is None and state.mu["b"].tolist() == [1.0, 1.0] and state.count == 4
