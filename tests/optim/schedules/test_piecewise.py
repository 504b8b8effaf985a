from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim

PIECEWISE = [optim.piecewise_constant_schedule, lambda *args: optim.piecewise_interpolate_schedule("linear", *args)]


@pytest.mark.parametrize("make", PIECEWISE)
@pytest.mark.parametrize("entry", [{5: -0.1}, {-5: 0.1}, {5: float("nan")}])
def test_negative_boundaries_and_scales_are_refused(make: Any, entry: dict[int, float]) -> None:
    with pytest.raises(ValueError, match=f"a boundary and its scale must not be negative, got {entry}; the value"):
        make(1.0, {3: 0.5} | entry)


@pytest.mark.parametrize("make", PIECEWISE)
def test_the_order_of_entries_is_no_matter_and_later_changes_of_the_dict_neither(make: Any) -> None:
    entries = {6: 0.5, 3: 2.0}
    first, again = make(1.0, entries), make(1.0, {3: 2.0, 6: 0.5})
    entries[0] = 7.0
    assert first == again and hash(first) == hash(again) and repr(first) == repr(again)


@pytest.mark.parametrize("make", PIECEWISE)
def test_scales_may_be_traced(make: Any) -> None:
    values = jax.jit(lambda scale: make(2.0, {1: scale})(jnp.arange(3)))(0.25)
    assert values.tolist() == [2.0, 0.5, 0.5]


def test_small_values_after_large_ones_are_exact() -> None:
    schedule = optim.piecewise_interpolate_schedule("cosine", 1.0, {4: 1e4, 8: 1e-9})
    np.testing.assert_allclose(jax.vmap(schedule)(jnp.array([0, 8, 9])), [1.0, 1e-5, 1e-5], rtol=1e-6)


def test_float64() -> None:
    with jax.enable_x64(True):
        value = optim.piecewise_interpolate_schedule("linear", 1.0, {3: 2.0})(jnp.int32(1))
        assert value.dtype == jnp.float64 and abs(value - 4 / 3) < 1e-15


def test_unknown_interpolation() -> None:
    with pytest.raises(ValueError, match="interpolate_type must be 'linear' or 'cosine', got 'linar'; for jumps"):
        optim.piecewise_interpolate_schedule("linar", 1.0)
