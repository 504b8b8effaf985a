from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.optim.directions.inner_products import real_dot, squared_norm


def test_complex_numbers_are_pairs_of_real_ones() -> None:
    a, b = jnp.array([1 + 2j, 3 - 1j]), jnp.array([2 - 1j, 1 + 1j])
    np.testing.assert_allclose(real_dot({"x": a, "y": jnp.array(2.0)}, {"x": b, "y": jnp.array(5.0)}), 0 + 2 + 10)
    np.testing.assert_allclose(squared_norm(a), 15)


def test_leaves_without_an_update_do_not_count() -> None:
    assert real_dot({"a": None, "b": jnp.array(3.0)}, {"a": {"c": jnp.ones(2)}, "b": jnp.array(2.0)}) == 6
    assert squared_norm({}) == 0


def test_half_precision_is_summed_in_float32() -> None:
    assert squared_norm(jnp.full(1000, 16.0, jnp.float16)) == 256_000


def test_other_trees_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at the root updates has shape \(2,\), grad has \(3,\)"):
        real_dot(jnp.ones(2), jnp.ones(3))
