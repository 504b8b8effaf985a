"""The noise is jax's own."""

import jax
import numpy as np
import pytest

from backprop_jax.harvest.noise import normal_noise


@pytest.mark.parametrize(("impl", "partitionable"), [("threefry2x32", True), ("threefry2x32", False), ("rbg", True)])
def test_is_that_of_jax(impl: str, partitionable: bool) -> None:
    key = jax.random.key(3, impl=impl)
    with jax.threefry_partitionable(partitionable):
        for shape in ((), (0,), (3, 7)):
            np.testing.assert_array_equal(normal_noise(key, shape), jax.random.normal(key, shape))


def test_needs_no_array_of_bits() -> None:
    x = np.ones((256, 256), np.float32)
    lowered = jax.jit(lambda key, x: x + normal_noise(key, x.shape)).lower(jax.random.key(0), x)
    memory = lowered.compile().memory_analysis()
    assert memory is not None and memory.temp_size_in_bytes < x.nbytes / 4
