from __future__ import annotations

import jax.numpy as jnp
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close


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
