"""Store float32 arrays in fewer bits: as 8-bit codes with a scale per block, or as bfloat16, rounded at random.

An average that moves by less than half a code a step never moves if rounded to the nearest; rounded up or down with the
probability that makes the mean right, it moves on average.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

BLOCK = 256
LEVELS = 127  # codes -127..127; 0 stands for exactly zero
OCTAVES = 28.0  # the smallest level is the block's largest magnitude times 2**-28
STEP = OCTAVES / (LEVELS - 1)


class Int8Blocks(NamedTuple):
    """An array as int8 codes, a sign and a logarithm, and the largest magnitude of each block of 256.

        x = sign(code) scale 2^(-(127 - |code|) 28/126)

    A linear code would give every number far below its block's largest the code of zero: as the second moment of Adam,
    a divisor, that throws the training off. This one keeps 28 octaves, each number within a factor 1.17 of the code on
    either side of it. What is not zero never becomes zero.
    """

    codes: jax.Array
    scales: jax.Array

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the array."""
        return self.codes.shape

    @classmethod
    def of(cls, array: jax.Array, seed: jax.Array) -> Int8Blocks:
        """Encode a float32 array. `seed`, a uint32, makes the rounding."""
        blocks = _in_blocks(array)
        scales = jnp.max(jnp.abs(blocks), axis=1)
        # Relative to a scale of zero, everything is zero; a scale that is not finite makes its block so when decoded.
        ratios = jnp.abs(blocks) / jnp.where(scales > 0, scales, 1.0)[:, None]
        levels = LEVELS + jnp.log2(jnp.maximum(ratios, 2.0**-OCTAVES)) / STEP
        low = jnp.floor(levels)
        # Between two codes the mean is right if the upper one has the share of the way, linear in the value.
        share = (2.0 ** ((levels - low) * STEP) - 1) / (2.0**STEP - 1)
        magnitude = jnp.clip(low + (uniform(seed, blocks.shape) < share), 1, LEVELS)
        codes = jnp.where(ratios > 0, jnp.sign(blocks) * magnitude, 0.0)
        return cls(codes.astype(jnp.int8).ravel()[: array.size].reshape(array.shape), scales)

    def array(self) -> jax.Array:
        """Decode."""
        codes = _in_blocks(self.codes)
        magnitudes = jnp.exp2((jnp.abs(codes).astype(jnp.float32) - LEVELS) * STEP)
        blocks = jnp.where(codes == 0, 0.0, jnp.sign(codes) * magnitudes) * self.scales[:, None]
        return blocks.ravel()[: self.codes.size].reshape(self.shape)


def _in_blocks(array: jax.Array) -> jax.Array:
    return jnp.pad(array.ravel(), (0, -array.size % BLOCK)).reshape(-1, BLOCK)


def to_bfloat16(array: jax.Array, seed: jax.Array) -> jax.Array:
    """Round a float32 array to bfloat16, up or down at random with the right mean. What is not finite stays."""
    bits = lax.bitcast_convert_type(array, jnp.uint32)
    noise = random_bits(seed, array.shape) >> np.uint32(16)
    rounded = lax.bitcast_convert_type((bits + noise) & np.uint32(0xFFFF0000), jnp.float32)
    return jnp.where(jnp.isfinite(array), rounded, array).astype(jnp.bfloat16)


def uniform(seed: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Numbers in [0, 1), one for each place."""
    return (random_bits(seed, shape) >> np.uint32(8)).astype(jnp.float32) * np.float32(2.0**-24)


def random_bits(seed: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """32 bits for each place, by hashing the place with the seed (the finalizer of MurmurHash3).

    Rounding needs no better randomness, and unlike jax.random's this costs a few multiplications, in the same loop.
    """
    place = lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    bits = place * np.uint32(0x9E3779B9) + seed.astype(jnp.uint32) * np.uint32(0x85EBCA6B)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits = (bits ^ (bits >> np.uint32(shift))) * np.uint32(factor)
    return bits ^ (bits >> np.uint32(16))
