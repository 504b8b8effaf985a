from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim

GRADIENT = {"w": jnp.array([1.0, -2.0]), "none": None}
WRAPPERS = (optim.conditionally_transform, optim.conditionally_mask)


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_at_every_third_step(wrap: Any) -> None:
    transform = wrap(optim.trace(0.5), lambda step: step % 3 == 0)
    state, factors = transform.init(GRADIENT), []
    update = jax.jit(transform.update)
    for _ in range(5):
        updates, state = update(GRADIENT, state)
        factors.append(float(updates["w"][0]))
    # The sum is 1, then 1 + 0.5 at the fourth step; between them it waits.
    left_out = 1.0 if wrap is optim.conditionally_transform else 0.0
    assert factors == [1.0, left_out, left_out, 1.5, left_out]
    assert state.step == 5 and state.inner_state.trace["w"].tolist() == [1.5, -3.0]


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_the_condition_may_read_extra_arguments(wrap: Any) -> None:
    transform = wrap(optim.scale(-1.0), lambda step, loss, **_: loss < 1, forward_extra_args=True)
    state = transform.init(GRADIENT)
    signs = [float(transform.update(GRADIENT, state, loss=loss, other=0)[0]["w"][0]) for loss in (0.5, 2.0)]
    assert signs == [-1.0, 1.0 if wrap is optim.conditionally_transform else 0.0]
    without = wrap(optim.scale(-1.0), lambda step: True)
    assert without.update(GRADIENT, state, loss=2.0)[0]["w"][0] == -1.0


def test_updates_and_state_keep_their_dtypes() -> None:
    # Multiplied by a float32 array, optax's updates become float32.
    inner = optax.chain(optax.trace(0.9), optax.scale(jnp.float32(2.0)))
    transform = optim.conditionally_transform(inner, lambda step: step > 0)
    gradient = jnp.ones(2, jnp.bfloat16)
    state = transform.init(gradient)
    updates, new_state = transform.update(gradient, state)
    assert updates.dtype == jnp.bfloat16 and new_state.inner_state[0].trace.dtype == jnp.bfloat16


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_step_saturates(wrap: Any) -> None:
    transform = wrap(optim.scale(2.0), lambda step: step > 0)
    last = jnp.array(np.iinfo(np.int32).max, jnp.int32)
    _, state = transform.update(GRADIENT, transform.init(GRADIENT)._replace(step=last))
    assert state.step == last


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_wrong_arguments_are_named(wrap: Any) -> None:
    with pytest.raises(TypeError, match=f"{wrap.__name__}: inner is .*, which is no transform"):
        wrap(optim.adam, lambda step: True)
    with pytest.raises(TypeError, match=f"{wrap.__name__}: should_transform_fn must be a function .* got 3"):
        wrap(optim.scale(2.0), 3)


def test_the_two_differ() -> None:
    one, other = (wrap(optim.scale(2.0), abs) for wrap in WRAPPERS)
    assert one != other and one.elementwise and not optim.conditionally_mask(optax.scale(2.0), abs).elementwise
