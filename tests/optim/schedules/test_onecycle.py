from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close


@pytest.mark.parametrize("make", [optim.linear_onecycle_schedule, optim.cosine_onecycle_schedule])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"transition_steps": 0}, "transition_steps must be above 0, got 0; it is"),
        ({"div_factor": 0.0}, "div_factor must be above 0, got 0.0; peak_value is"),
        ({"final_div_factor": -1.0}, "final_div_factor must be above 0, got -1.0; the first"),
        ({"pct_start": 1.5}, r"pct_start.* must rise within \[0, 1\], got 1.5.*; they are shares"),
    ],
)
def test_wrong_cycles_are_named(make: Any, wrong: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"{make.__name__}: {message}"):
        make(**{"transition_steps": 10, "peak_value": 1.0} | wrong)


def test_a_cycle_that_falls_before_it_rises_is_refused() -> None:
    with pytest.raises(ValueError, match=r"pct_start, pct_final must rise within \[0, 1\], got 0.5, 0.4"):
        optim.linear_onecycle_schedule(10, 1.0, 0.5, 0.4)


@pytest.mark.parametrize("make", [optim.linear_onecycle_schedule, optim.cosine_onecycle_schedule])
def test_the_peak_may_be_traced(make: Any) -> None:
    peaks = jnp.array([0.5, 2.0])
    values = jax.vmap(lambda peak: make(10, peak, div_factor=4.0, final_div_factor=10.0)(jnp.array([0, 3, 10, 99])))
    assert_close([values(peaks)], [peaks[:, None] * jnp.array([[0.25, 1.0, 0.025, 0.025]])], 1e-6)
