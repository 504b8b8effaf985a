from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, ours, random_like, rejects_update


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("adaptive_grad_clip(0.0)", "adaptive_grad_clip: clipping must be above 0, got 0.0; 0.01 is usual"),
        ("adaptive_grad_clip(0.1, -1.0)", "adaptive_grad_clip: eps must not be negative or NaN, got -1.0; 1e-3 is"),
    ],
)
def test_wrong_limits_are_named(call: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ours(call)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((5,), None),
        ((1, 5, 1), None),
        ((1, 1, 1, 1, 1, 5), None),
        ((4, 3), None),
        ((4, 3, 2), None),
        ((2, 2, 3, 4), None),
        ((2, 2, 2, 3, 4), None),
        ((2, 2, 2, 3, 4), (0, 1, 2)),
        ((2, 2, 2, 2, 2, 2), (0, -1)),
        ((4, 3), -1),
    ],
)
def test_units_are_those_of_optax(shape: tuple[int, ...], axis: Any) -> None:
    params, updates = (random_like(jax.ShapeDtypeStruct(shape, jnp.float32), seed) for seed in (0, 1))
    for clipping in (0.5, 1.0, 2.0):
        mine, _ = optim.adaptive_grad_clip(clipping, axis=axis).update(updates, optim.EmptyState(), params)
        other, _ = optax.adaptive_grad_clip(clipping, axis=axis).update(updates, optax.EmptyState(), params)
        assert_close(mine, other, 1e-6)


def test_units_of_unknown_axes_and_missing_parameters() -> None:
    clip = optim.adaptive_grad_clip(0.1)
    assert "parameter of shape (2, 2, 2, 2, 2, 2) form a unit is unknown; pass axis" in rejects_update(
        clip, *(jnp.ones((2,) * 6), optim.EmptyState(), jnp.ones((2,) * 6))
    )
    assert "adaptive_grad_clip: update needs the parameters" in rejects_update(clip, jnp.ones(2), optim.EmptyState())


def test_equal_axes_are_traced_once() -> None:
    traces = []

    @partial(jax.jit, static_argnums=0)
    def update(clip: optim.Transform, updates: jax.Array) -> jax.Array:
        traces.append(clip)
        return clip.update(updates, optim.EmptyState(), updates)[0]

    for axis in ((0, 1), [0, 1]):
        update(optim.adaptive_grad_clip(0.1, axis=axis), jnp.ones((2, 3)))  # type: ignore[arg-type]
    assert len(traces) == 1
