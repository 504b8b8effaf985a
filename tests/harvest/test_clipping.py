"""Clipped sums against their definition in NumPy."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.core.example_gradients import Each
from backprop_jax.harvest import clipped_sum

B = 4
RANDOM = np.random.default_rng(0)
SINGLE = RANDOM.standard_normal((B, 2, 3)).astype(np.float32)
STACKED = RANDOM.standard_normal((2, B, 5)).astype(np.float32)  # two layers of a scan
SINGLE[1] *= 1e-3
STACKED[:, 1] *= 1e-3


def _gradients() -> dict[str, Any]:
    stacked = Each(jnp.asarray(STACKED), 1, jnp.dtype(jnp.float32))
    return {"single": Each.of(jnp.asarray(SINGLE), jnp.float32), "stacked": stacked, "frozen": None}


def _clip(rows: np.ndarray, norms: np.ndarray, limit: float, keep: np.ndarray) -> np.ndarray:
    factors = np.array([keep[i] * (1.0 if norms[i] <= limit else limit / norms[i]) for i in range(B)])
    return np.einsum("i,i...->...", factors, rows)


@pytest.mark.parametrize("mask", [None, np.array([True, True, False, True])])
def test_the_norm_is_that_of_all_parameters(mask) -> None:
    clip, keep = 1.5, np.ones(B, bool) if mask is None else mask
    norms = np.sqrt((SINGLE**2).sum((1, 2)) + (STACKED**2).sum((0, 2)))
    assert norms[1] < clip < np.delete(norms, 1).min()
    found = clipped_sum(_gradients(), clip, mask)
    np.testing.assert_allclose(found["single"], _clip(SINGLE, norms, clip, keep), rtol=1e-5)
    for layer in range(2):
        np.testing.assert_allclose(found["stacked"][layer], _clip(STACKED[layer], norms, clip, keep), rtol=1e-5)
    assert found["frozen"] is None


def test_each_parameter_by_itself_keeps_to_its_part() -> None:
    clip, keep = 1.5, np.ones(B, bool)
    limit = clip / np.sqrt(3)  # one parameter, and one in each of two layers
    found = clipped_sum(_gradients(), clip, per_parameter=True)
    norms = np.sqrt((SINGLE**2).sum((1, 2)))
    np.testing.assert_allclose(found["single"], _clip(SINGLE, norms, limit, keep), rtol=1e-5)
    for layer in range(2):
        norms = np.linalg.norm(STACKED[layer], axis=1)
        np.testing.assert_allclose(found["stacked"][layer], _clip(STACKED[layer], norms, limit, keep), rtol=1e-5)


def test_no_gradient_stays_none_and_what_is_no_number_stays_one() -> None:
    zeros = clipped_sum(Each.of(jnp.zeros((B, 3)), jnp.float32), 1.0)
    np.testing.assert_array_equal(zeros, 0)
    broken = jnp.ones((B, 3)).at[2, 0].set(jnp.nan)
    assert jnp.all(jnp.isnan(clipped_sum(Each.of(broken, jnp.float32), 1.0)))
    masked = clipped_sum(Each.of(jnp.ones((B, 3)), jnp.float32), 1.0, jnp.zeros(B, bool))
    np.testing.assert_array_equal(masked, 0)
    assert clipped_sum(Each.of(jnp.ones((B, 3)), jnp.bfloat16), 1.0).dtype == jnp.bfloat16


@pytest.mark.parametrize("clip", [0, -1.0, float("inf"), float("nan")])
def test_a_clip_that_is_none_is_refused(clip: float) -> None:
    with pytest.raises(ValueError, match=f"a finite number above 0, not {clip}"):
        clipped_sum(Each.of(jnp.ones((B, 3)), jnp.float32), clip)
