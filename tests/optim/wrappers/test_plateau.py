from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim


def scales(values: list[float], factor: float, patience: int, rtol: float, cooldown: int, size: int) -> list[float]:
    """What the definition says, one mean at a time."""
    scale, best, bad, waiting, result = 1.0, np.inf, 0, 0, []
    for t in range(len(values)):
        if (t + 1) % size == 0:
            mean = float(np.mean(values[t + 1 - size : t + 1]))
            better = mean < (1 - rtol) * best
            best = mean if better else best
            bad = 0 if better or waiting > 0 else bad + 1
            waiting = max(waiting - 1, 0)
            if bad == patience:
                scale, bad, waiting = scale * factor, 0, cooldown
        result.append(scale)
    return result


@pytest.mark.parametrize(("patience", "cooldown", "size"), [(1, 0, 1), (3, 2, 1), (2, 3, 4), (2, 1, 2)])
def test_scales_are_those_of_the_definition(patience: int, cooldown: int, size: int) -> None:
    values = np.abs(np.random.default_rng(0).normal(2.0, 1.0, 100))
    optimizer = optim.reduce_on_plateau(0.5, patience, 0.01, cooldown=cooldown, accumulation_size=size)

    def step(state: Any, value: jax.Array) -> tuple[Any, jax.Array]:
        return optimizer.update(jnp.array(1.0), state, value=value)[::-1]

    _, updates = jax.lax.scan(step, optimizer.init(jnp.array(1.0)), jnp.asarray(values, jnp.float32))
    expected = scales(list(values), 0.5, patience, 0.01, cooldown, size)
    assert updates.tolist() == expected and expected[-1] < 0.1


def test_the_scale_stops_at_its_least() -> None:
    optimizer = optim.reduce_on_plateau(0.1, patience=1, min_scale=0.03)
    state, seen = optimizer.init(jnp.ones(2)), []
    for _ in range(4):
        updates, state = optimizer.update(jnp.ones(2), state, value=1.0)
        seen.append(float(updates[0]))
    np.testing.assert_allclose(seen, [1.0, 0.1, 0.03, 0.03], rtol=1e-6)


def test_a_value_that_is_nan_is_no_better() -> None:
    optimizer = optim.reduce_on_plateau(0.5, patience=2)
    state = optimizer.init(jnp.ones(2))
    for value in (1.0, jnp.nan, jnp.nan):
        _, state = optimizer.update(jnp.ones(2), state, value=value)
    assert state.best_value == 1.0 and state.scale == 0.5


@pytest.mark.parametrize(
    "wrong",
    [{"factor": 0.0}, {"factor": 1.0}, {"patience": 0}, {"rtol": 1.5}, {"atol": -1.0}, {"rtol": 0.0}, {"cooldown": -1}],
)
def test_wrong_hyperparameters_are_named(wrong: dict[str, float]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"reduce_on_plateau: .*{name}.*(got {value}|both 0).*; .* "):
        optim.reduce_on_plateau(**wrong)  # type: ignore[arg-type]


def test_a_missing_value_is_named() -> None:
    optimizer = optim.chain(optim.sgd(0.1), optim.reduce_on_plateau())
    with pytest.raises(ValueError, match=r"needs the loss; call update\(..., value=loss\)"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
