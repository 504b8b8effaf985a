"""Normal noise of the size of a model, in one pass and without memory of its own."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

__all__ = ["noise_like", "normal_noise"]

ROTATIONS = (13, 15, 26, 6), (17, 29, 16, 24)


def normal_noise(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """`jax.random.normal(key, shape)`, bit for bit.

    Of a threefry key jax's own compiles, on a CPU, to a loop over arrays of all the random bits, which takes twice the
    time of this and three times the memory of the result. Here the rounds are written out, so that XLA makes one loop
    of them and of whatever uses the noise. Keys of other kinds, and arrays of 2³² numbers or more, are left to jax.

    Source:   Salmon et al., 2011, SC '11, section 3.3 (Threefry-2x32, 20 rounds).
    """
    size = int(np.prod(shape))
    partitionable = getattr(jax.config, "jax_threefry_partitionable", True)
    if str(jax.random.key_impl(key)) != "threefry2x32" or not partitionable or size >= 2**32:
        return jax.random.normal(key, shape, jnp.float32)
    words = jax.random.key_data(key)
    place = lax.iota(jnp.uint32, size).reshape(shape)
    left, right = _threefry(words[0], words[1], jnp.zeros_like(place), place)
    # The upper 23 bits as the digits of a number in [1, 2), from there to (-1, 1).
    digits = lax.shift_right_logical(left ^ right, jnp.uint32(9)) | jnp.uint32(0x3F800000)
    unit = lax.bitcast_convert_type(digits, jnp.float32) - 1
    lowest = np.nextafter(np.float32(-1), np.float32(0))
    uniform = jnp.maximum(lowest, unit * (1 - lowest) + lowest)
    return np.float32(np.sqrt(2)) * lax.erf_inv(uniform)


def noise_like(key: jax.Array, leaves: list[jax.Array]) -> list[jax.Array]:
    """A standard normal number for each one in the leaves."""
    keys = jax.random.split(key, len(leaves))
    return [normal_noise(own, leaf.shape).astype(leaf.dtype) for own, leaf in zip(keys, leaves, strict=True)]


def _threefry(k0: jax.Array, k1: jax.Array, x0: jax.Array, x1: jax.Array) -> tuple[jax.Array, jax.Array]:
    keys = k0, k1, k0 ^ k1 ^ jnp.uint32(0x1BD11BDA)
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for group in range(5):
        for rotation in ROTATIONS[group % 2]:
            x0 = x0 + x1
            x1 = x0 ^ (x1 << jnp.uint32(rotation) | x1 >> jnp.uint32(32 - rotation))
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + jnp.uint32(group + 1)
    return x0, x1
