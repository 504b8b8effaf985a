from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim


def test_amsgrad_remembers_the_largest_square() -> None:
    amsgrad = optim.scale_by_amsgrad(b1=0.0, b2=0.0, eps=0.0)
    state = amsgrad.init(jnp.zeros(2))
    _, state = amsgrad.update(jnp.array([10.0, 1.0]), state)
    update, _ = amsgrad.update(jnp.array([1.0, 10.0]), state)
    np.testing.assert_allclose(update, [0.1, 1.0], rtol=1e-6)


def test_amsgrad_without_corrections_is_the_papers() -> None:
    amsgrad = optim.scale_by_amsgrad(0.9, 0.99, 0.0, bias_correction_mu=False, bias_correction_nu=False)
    update, _ = amsgrad.update(jnp.array(-4.0), amsgrad.init(jnp.array(0.0)))
    np.testing.assert_allclose(update, -(1 - 0.9) / (1 - 0.99) ** 0.5, rtol=1e-5)


def test_belief_steps_far_where_gradients_are_as_expected() -> None:
    belief = optim.scale_by_belief()
    state = belief.init(jnp.zeros(2))
    for step in range(50):
        update, state = belief.update(jnp.array([1.0, (-1.0) ** step]), state)
    assert abs(update[0]) > 10 * abs(update[1])


def test_yogi_forgets_a_large_gradient_slowly() -> None:
    # nu falls by (1 - b2) |g|^2 at a step, not by (1 - b2) (nu - |g|^2).
    yogi = optim.scale_by_yogi(b2=0.9, initial_accumulator_value=0.0)
    state = optim.ScaleByAdamState(count=jnp.array(7), mu=jnp.zeros(()), nu=jnp.array(100.0))
    _, state = yogi.update(jnp.array(2.0), state)
    np.testing.assert_allclose(state.nu, 100.0 - 0.1 * 4.0, rtol=1e-6)


def test_yogi_starts_from_no_negative_number() -> None:
    with pytest.raises(ValueError, match="scale_by_yogi: initial_accumulator_value must not be negative"):
        optim.scale_by_yogi(initial_accumulator_value=-1)


def test_adamax_divides_by_the_decayed_maximum() -> None:
    adamax = optim.scale_by_adamax(b1=0.0, b2=0.5, eps=0.0)
    state = adamax.init(jnp.zeros(()))
    for gradient, expected in [(8.0, 1.0), (1.0, 0.25), (4.0, 1.0)]:
        update, state = adamax.update(jnp.array(gradient), state)
        assert update == expected


@pytest.mark.parametrize(
    "transform",
    [optim.scale_by_amsgrad(), optim.scale_by_belief(), optim.scale_by_yogi(), optim.scale_by_adamax()],
    ids=repr,
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_no_gradient_is_no_step(transform: optim.Transform, dtype: str) -> None:
    zeros = jnp.zeros(3, dtype)
    state = transform.init(zeros)
    for _ in range(2):
        update, state = transform.update(zeros, state)
        assert jnp.all(jnp.abs(update) < 1e-3)  # not zero for yogi, whose mean starts at 1e-6
