from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close


def test_rss_divides_by_the_root_of_the_sum() -> None:
    rss = optim.scale_by_rss(initial_accumulator_value=0.0, eps=0.0)
    state = rss.init(jnp.zeros(2))
    for gradient, expected in [((3.0, 0.0), (1.0, 0.0)), ((4.0, 2.0), (0.8, 1.0)), ((12.0, 0.0), (12 / 13, 0.0))]:
        update, state = rss.update(jnp.array(gradient), state)
        np.testing.assert_allclose(update, expected, rtol=1e-6)


def test_rms_without_average_is_adam_without_mean() -> None:
    gradients = jnp.array([3.0, -0.1, 20.0, 1.0])
    rms, adam = optim.scale_by_rms(0.999, eps_in_sqrt=False, bias_correction=True), optim.scale_by_adam(b1=0.0)
    rms_state, adam_state = rms.init(gradients[0]), adam.init(gradients[0])
    for gradient in gradients:
        rms_update, rms_state = rms.update(gradient, rms_state)
        adam_update, adam_state = adam.update(gradient, adam_state)
        assert_close([rms_update, rms_state.nu], [adam_update, adam_state.nu], 1e-6)


def test_eps_in_the_root_or_beside_it() -> None:
    gradient = jnp.array(3.0)
    for eps_in_sqrt, expected in [(True, 3.0 / (9.0 + 7.0) ** 0.5), (False, 3.0 / (3.0 + 7.0))]:
        rms = optim.scale_by_rms(decay=0.0, eps=7.0, eps_in_sqrt=eps_in_sqrt)
        np.testing.assert_allclose(rms.update(gradient, rms.init(gradient))[0], expected, rtol=1e-6)


@pytest.mark.parametrize("bias_correction", [False, True])
@pytest.mark.parametrize("eps_in_sqrt", [False, True])
def test_a_constant_gradient_has_a_deviation_of_zero(bias_correction: bool, eps_in_sqrt: bool) -> None:
    # Rounding may make the variance negative: optax's update is then NaN.
    stddev = optim.scale_by_stddev(0.5, 1e-8, eps_in_sqrt=eps_in_sqrt, bias_correction=bias_correction)
    gradient = jnp.linspace(0.1, 500.0, 64)
    state = stddev.init(gradient)
    for _ in range(60):
        update, state = stddev.update(gradient, state)
        assert jnp.all(jnp.isfinite(update)) and jnp.all(update > 0)


def test_adadelta_has_the_unit_of_the_parameter() -> None:
    # Gradients a thousand times as large make no other step, but for eps.
    small, large = (optim.scale_by_adadelta(eps=1e-12) for _ in range(2))
    states = [small.init(jnp.zeros(())), large.init(jnp.zeros(()))]
    for gradient in (1.0, -2.0, 0.5):
        update, states[0] = small.update(jnp.array(gradient), states[0])
        other, states[1] = large.update(jnp.array(1000.0 * gradient), states[1])
        np.testing.assert_allclose(update, other, rtol=1e-5)


@pytest.mark.parametrize(("name", "field"), [("scale_by_rms", "initial_scale"), ("scale_by_stddev", "initial_scale")])
def test_first_squares_are_not_negative(name: str, field: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: {field} must not be negative or NaN, got -0.1; 0 is usual"):
        getattr(optim, name)(**{field: -0.1})
    with pytest.raises(ValueError, match="scale_by_rss: initial_accumulator_value must not be negative"):
        optim.scale_by_rss(-0.1)


@pytest.mark.parametrize(
    "transform",
    [optim.scale_by_rss(0.0, 0.0), optim.scale_by_rms(), optim.scale_by_stddev(), optim.scale_by_adadelta()],
    ids=repr,
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_no_gradient_is_no_step(transform: optim.Transform, dtype: str) -> None:
    zeros = jnp.zeros(3, dtype)
    update, state = transform.update(zeros, transform.init(zeros))
    assert update.tolist() == transform.update(zeros, state)[0].tolist() == [0.0, 0.0, 0.0]
