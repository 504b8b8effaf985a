"""The noise is jax's own."""

import jax
import numpy as np
import pytest

from backprop_jax.harvest.noise import normal_noise


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_is_that_of_jax(impl: str) -> None:
    for shape in ((), (0,), (5,), (3, 7)):
        key = jax.random.key(3, impl=impl)
        np.testing.assert_array_equal(normal_noise(key, shape), jax.random.normal(key, shape))


def test_needs_no_array_of_bits() -> None:
    compiled = jax.jit(lambda key, x: x + normal_noise(key, (256, 256))).lower(jax.random.key(0), np.ones((256, 256)))
    assert compiled.compile().memory_analysis().temp_size_in_bytes < 256 * 256
