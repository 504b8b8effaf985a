from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim
from backprop_jax.optim.directions.moments import average, corrected_divisor, corrected_mean, correction, real_part
from tests.optim.oracle import assert_close

THIRD = jnp.array(3, jnp.int32)
LARGEST = jnp.array(2**31 - 1, jnp.int32)


def test_a_corrected_constant_is_that_constant() -> None:
    mean, mu = corrected_mean(0.9, THIRD), jnp.zeros(())
    for _ in range(3):
        direction, mu = mean.of(jnp.array(5.0), mu)
    assert_close([direction, mu], [jnp.array(5.0), jnp.array(5.0 * (1 - 0.9**3))], 1e-6)
    assert_close([correction(0.9, THIRD)], [jnp.array(1 - 0.9**3)], 1e-6)


def test_nesterov_looks_one_step_ahead() -> None:
    direction, _ = corrected_mean(0.5, THIRD, factor=2.0, nesterov=True).of(jnp.array(3.0), jnp.array(1.0))
    mu = 0.5 * 1.0 + 0.5 * 3.0
    assert_close([direction], [jnp.array(2.0 * (0.5 * mu / (1 - 0.5**4) + 0.5 * 3.0 / (1 - 0.5**3)))], 1e-6)


def test_divisor_is_scaled_by_its_factor() -> None:
    divisor = corrected_divisor(0.5, THIRD, eps=0.1, eps_root=0.2)
    c = 1 - 0.5**3
    assert_close([divisor.of(jnp.array(3.0)) / divisor.factor], [jnp.array((3.0 / c + 0.2) ** 0.5 + 0.1)], 1e-6)


def test_nothing_is_left_to_correct_after_very_many_steps() -> None:
    assert correction(0.999, LARGEST) == 1.0
    direction, _ = corrected_mean(0.9, LARGEST, nesterov=True).of(jnp.array(2.0), jnp.array(2.0))
    assert_close([direction], [jnp.array(2.0)], 1e-6)


def test_the_added_share_is_exact() -> None:
    # 1 - 0.999 in float32 is off by 1e-5.
    assert average(0.999).added == 1 - 0.999


def test_real_part_of_either() -> None:
    assert real_part(jnp.array(2 + 0j)).dtype == real_part(jnp.array(2.0)).dtype == jnp.float32


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("scale_by_radam", "b2"),
        ("scale_by_amsgrad", "b1"),
        ("scale_by_belief", "b2"),
        ("scale_by_yogi", "b1"),
        ("scale_by_adamax", "b2"),
        ("scale_by_rms", "decay"),
        ("scale_by_stddev", "decay"),
        ("scale_by_adadelta", "rho"),
        ("scale_by_adan", "b3"),
        ("scale_by_novograd", "b2"),
    ],
)
def test_wrong_hyperparameters_are_named(name: str, wrong: str) -> None:
    transform = getattr(optim, name)
    usual = getattr(transform, wrong)
    with pytest.raises(ValueError, match=rf"{name}: {wrong} must be in \[0, 1\), got 1.0; {usual} is usual"):
        transform(**{wrong: 1.0})
    with pytest.raises(ValueError, match=f"{name}: eps must not be negative or NaN, got -1.0; .* off zero"):
        transform(eps=-1.0)
    # Where it is traced, it cannot be looked at.
    jax.eval_shape(lambda value: transform(**{wrong: value}).init(jnp.ones(2)), jnp.array(1.0))
