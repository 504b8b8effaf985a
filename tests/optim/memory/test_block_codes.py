from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.optim.memory.block_codes import BLOCK, OCTAVES, STEP, Int8Blocks, random_bits, to_bfloat16

SEEDS = jnp.arange(4000, dtype=jnp.uint32)


def test_each_number_is_between_its_neighbouring_codes() -> None:
    numbers = np.random.default_rng(0)
    exact = (numbers.normal(size=1000) * 10.0 ** numbers.uniform(-6, 0, 1000)).astype(np.float32)
    exact[::7] = 0
    coded = np.asarray(Int8Blocks.of(jnp.asarray(exact), SEEDS[1]).array())
    assert coded.shape == exact.shape
    np.testing.assert_array_equal(coded == 0, exact == 0)
    np.testing.assert_array_equal(np.sign(coded), np.sign(exact))
    inside = np.abs(exact) > np.abs(exact).max() * 2.0**-OCTAVES
    ratio = coded[(exact != 0) & inside] / exact[(exact != 0) & inside]
    assert ratio.max() < 2**STEP * 1.001 and ratio.min() > 2**-STEP * 0.999
    assert ratio.max() > 1.05 and ratio.min() < 0.95


def test_the_mean_over_many_roundings_is_the_number() -> None:
    exact = jnp.array([1.0, 0.9, -0.33, 1e-3, -7e-6])
    coded = jax.vmap(lambda seed: Int8Blocks.of(exact, seed).array())(SEEDS)
    # A rounding has a standard deviation of at most half the distance of two codes, 8 % of the number.
    np.testing.assert_allclose(coded.mean(0), exact, rtol=5 * 0.08 / len(SEEDS) ** 0.5)
    assert (coded[:, 0] == 1.0).all()


def test_what_is_too_small_becomes_the_smallest_code_not_zero() -> None:
    coded = Int8Blocks.of(jnp.array([1.0, 1e-20, -1e-20, 0.0]), SEEDS[0]).array()
    np.testing.assert_allclose(coded, [1.0, 2.0**-OCTAVES, -(2.0**-OCTAVES), 0.0], rtol=1e-5)


def test_blocks_have_their_own_scale() -> None:
    exact = jnp.concatenate([jnp.full(BLOCK, 1e-12), jnp.full(3, 1e12)]).reshape(7, 37)
    coded = Int8Blocks.of(exact, SEEDS[0])
    assert coded.codes.shape == exact.shape and coded.scales.shape == (2,) and coded.codes.dtype == jnp.int8
    np.testing.assert_allclose(coded.array(), exact, rtol=1e-6)


def test_all_zeros_and_nan() -> None:
    np.testing.assert_array_equal(Int8Blocks.of(jnp.zeros((2, 3)), SEEDS[0]).array(), np.zeros((2, 3)))
    for poison in (jnp.nan, jnp.inf):
        coded = Int8Blocks.of(jnp.concatenate([jnp.full(BLOCK, poison), jnp.ones(1)]), SEEDS[0]).array()
        assert not jnp.isfinite(coded[:BLOCK]).any() and coded[-1] == 1


def test_bfloat16_rounds_to_a_neighbour_with_the_right_mean() -> None:
    exact = jnp.array([1.0, 1.001, -2.7182817, 3e-5])
    coded = jax.vmap(lambda seed: to_bfloat16(exact, seed))(SEEDS).astype(jnp.float32)
    assert (coded[:, 0] == 1.0).all()
    assert sorted(set(np.asarray(coded[:, 1]).tolist())) == [1.0, 1.0078125]
    np.testing.assert_allclose(coded.mean(0), exact, rtol=5 * 2.0**-9 / len(SEEDS) ** 0.5)


def test_bfloat16_keeps_what_is_not_finite() -> None:
    exact = jnp.array([jnp.nan, jnp.inf, -jnp.inf])
    np.testing.assert_array_equal(to_bfloat16(exact, SEEDS[3]).astype(jnp.float32), exact)


@pytest.mark.parametrize("axis", [0, 1])
def test_bits_are_balanced_and_differ_by_place_and_seed(axis: int) -> None:
    bits = np.asarray(jax.vmap(lambda seed: random_bits(seed, (256,)))(SEEDS[:256]))
    assert len(np.unique(bits)) > 0.9999 * bits.size
    ones = np.unpackbits(bits.view(np.uint8)).mean()
    assert abs(ones - 0.5) < 0.005
    neighbours = np.corrcoef(np.take(bits, range(255), axis).ravel(), np.take(bits, range(1, 256), axis).ravel())[0, 1]
    assert abs(neighbours) < 0.02
