from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from backprop_jax.optim.step_count import first_count, safe_increment


def test_counts_from_zero_in_int32() -> None:
    assert first_count() == 0 and safe_increment(first_count()) == 1
    assert safe_increment(first_count()).dtype == jnp.int32


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "float16", "bfloat16", "float32"])
def test_stays_at_the_largest(dtype: str) -> None:
    info = jnp.finfo(dtype) if jnp.issubdtype(dtype, jnp.floating) else jnp.iinfo(dtype)
    largest, three = jnp.array(info.max, dtype), jnp.array(3, dtype)
    assert safe_increment(largest) == largest and safe_increment(three) == 4
    assert safe_increment(three).dtype == dtype
    if jnp.issubdtype(dtype, jnp.integer):
        assert safe_increment(largest - 1) == largest


def test_of_a_number_it_makes_no_weak_count() -> None:
    assert not jax.eval_shape(safe_increment, 3).weak_type and safe_increment(3) == 4


@pytest.mark.parametrize("dtype", ["bool", "complex64"])
def test_what_is_no_count(dtype: str) -> None:
    with pytest.raises(ValueError, match=f"a count cannot be {dtype}; make it an integer"):
        safe_increment(jnp.ones((), dtype))
