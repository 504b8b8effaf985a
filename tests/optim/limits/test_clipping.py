from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, ours, rejects_update, theirs


@pytest.mark.parametrize("max_norm", [0, -1.0, float("nan")])
def test_max_norm_must_be_positive(max_norm: float) -> None:
    with pytest.raises(ValueError, match=f"clip_by_global_norm: max_norm must be above 0, got {max_norm}; 1"):
        optim.clip_by_global_norm(max_norm)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "complex64"])
def test_long_updates_are_shortened_and_short_ones_untouched(dtype: str) -> None:
    updates = {"w": jnp.full(4, 3.0, dtype), "b": jnp.full(3, 2.0, dtype)}
    untouched, _ = optim.clip_by_global_norm(7.0).update(updates, optim.EmptyState())
    assert all((untouched[name] == updates[name]).all() for name in updates)
    clipped, _ = optim.clip_by_global_norm(1.0).update(updates, optim.EmptyState())
    assert clipped["w"].dtype == dtype
    assert_close([optim.global_norm(clipped)], [jnp.array(1.0)], 1e-6 if dtype != "bfloat16" else 1e-2)


def test_zero_updates_and_none() -> None:
    clip = optim.clip_by_global_norm(1.0)
    assert clip.update({"w": jnp.zeros(1), "b": None}, optim.EmptyState())[0] == {"w": 0.0, "b": None}
    assert clip.update({}, optim.EmptyState())[0] == {}


@pytest.mark.parametrize("worst", [0.0, -0.0, float("inf"), float("nan"), 1e30])
@pytest.mark.parametrize("limit", [0.5, float("inf")])
def test_extremes_are_those_of_optax(worst: float, limit: float) -> None:
    updates = {"w": jnp.array([worst, 0.0, -worst]), "b": jnp.array([[0.0, worst]])}
    params = {"w": jnp.array([1.0, 0.0, 1e30]), "b": jnp.zeros((1, 2))}
    for text in (
        f"clip_by_global_norm({limit})",
        f"clip({limit})",
        f"clip_by_block_rms({limit})",
        f"adaptive_grad_clip({limit})",
    ):
        text = text.replace("inf", "jnp.inf")
        mine, _ = ours(text).update(updates, optim.EmptyState(), params)
        other, _ = theirs(text).update(updates, optax.EmptyState(), params)
        jax.tree.map(lambda a, e: np.testing.assert_array_equal(a, e), mine, other)


def test_clip_refuses_complex_updates() -> None:
    wave = jnp.ones(2, jnp.complex64)
    assert "clip: complex numbers have no order; clip_by" in rejects_update(optim.clip(1.0), wave, optim.EmptyState())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("clip(-1.0)", "clip: max_delta must not be negative or NaN, got -1.0; it is the largest"),
        ("clip_by_block_rms(0.0)", "clip_by_block_rms: threshold must be above 0, got 0.0; 1.0 is usual"),
    ],
)
def test_wrong_limits_are_named(call: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ours(call)
