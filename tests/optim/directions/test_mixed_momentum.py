from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
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


def test_without_the_slow_average_it_is_adam() -> None:
    assert_close(run(optim.scale_by_ademamix(alpha=0.0)), run(optim.scale_by_adam()), 1e-6)


def test_the_slow_average_is_added() -> None:
    slow = dict.fromkeys(WAVES, 0.0)
    one, two = (run(optim.scale_by_ademamix(0.0, 0.0, 0.9, alpha, eps=0.0)) for alpha in (1.0, 3.0))
    for gradient, first, second in zip(EIGHT, one, two, strict=True):
        # With b2 = 0 the divisor is |g|, and so two alphas that differ by 2 differ by 2 m2 / |g|.
        slow = {name: 0.9 * slow[name] + 0.1 * np.asarray(g) for name, g in gradient.items()}
        expected = {name: 2.0 * slow[name] / np.abs(g) for name, g in gradient.items()}
        assert_close(jax.tree.map(jnp.subtract, second, first), expected, 1e-5)


@pytest.mark.parametrize("wrong", [{"b3": 1.0}, {"eps": -1.0}])
def test_wrong_hyperparameters_are_named(wrong: dict[str, Any]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"scale_by_ademamix: {name} must .*, got {value}; .* is usual"):
        optim.scale_by_ademamix(**wrong)


def test_the_average_square_is_not_in_the_dtype_of_the_averages() -> None:
    state = optim.scale_by_ademamix(mu_dtype="bfloat16").init({"w": jnp.ones(3)})
    assert (state.m1["w"].dtype, state.m2["w"].dtype, state.nu["w"].dtype) == (jnp.bfloat16, jnp.bfloat16, jnp.float32)
