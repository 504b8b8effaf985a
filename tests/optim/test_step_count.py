import jax.numpy as jnp

from backprop_jax.optim.step_count import first_count, next_count


def test_counts_from_zero_in_int32() -> None:
    assert first_count() == 0 and next_count(first_count()) == 1
    assert next_count(first_count()).dtype == jnp.int32


def test_stays_at_the_largest() -> None:
    largest = jnp.array(2**31 - 1, jnp.int32)
    assert next_count(largest - 1) == largest and next_count(largest) == largest
