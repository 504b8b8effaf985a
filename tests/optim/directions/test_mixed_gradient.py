from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, random_like

WAVES = {"w": jax.ShapeDtypeStruct((3, 2), jnp.float32), "wave": jax.ShapeDtypeStruct((4,), jnp.complex64)}
EIGHT = [random_like(WAVES, seed) for seed in range(8)]


def run(transform: Any) -> list[Any]:
    state, updates = transform.init(EIGHT[0]), []
    for gradient in EIGHT:
        update, state = transform.update(gradient, state)
        updates.append(update)
    return updates


def test_the_sum_is_adams_average_uncorrected() -> None:
    adam = run(optim.scale_by_adam(0.8, 0.9))
    simplified = run(optim.scale_by_simplified_ademamix(0.8, 0.9))
    for t, (mine, adams) in enumerate(zip(simplified, adam, strict=True), start=1):
        factor = (1 - 0.8**t) / (1 - 0.8)
        assert_close(mine, jax.tree.map(lambda update, factor=factor: factor * update, adams), 1e-5)


def test_alpha_may_be_a_schedule_that_starts_at_zero() -> None:
    schedule = lambda count: 2.0 * count
    updates = run(optim.scale_by_simplified_ademamix(0.0, 0.0, schedule, eps=0.0))
    for count, (gradient, update) in enumerate(zip(EIGHT, updates, strict=True)):
        expected = jax.tree.map(lambda g, count=count: (1 + 2.0 * count) * g / jnp.abs(g), gradient)
        assert_close(update, expected, 1e-5)


@pytest.mark.parametrize("wrong", [{"b2": float("nan")}, {"eps_root": -1.0}])
def test_wrong_hyperparameters_are_named(wrong: dict[str, Any]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"scale_by_simplified_ademamix: {name} must .*, got {value}; .* is usual"):
        optim.scale_by_simplified_ademamix(**wrong)
