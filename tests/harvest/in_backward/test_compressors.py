"""What compressors leave of a gradient, and the errors that they declare."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.harvest import Int8, OneBit, RandomK, TopK

G = jnp.array([[0.5, -3.0, 0.0, 1.0], [2.0, -0.25, -2.0, 0.75]])
DRAWS = 4000


def test_one_bit_is_the_sign_times_the_mean_size() -> None:
    mean = 9.5 / 8
    np.testing.assert_allclose(OneBit()(G, None), np.where(G >= 0, mean, -mean), rtol=1e-6)


def test_the_largest_stay() -> None:
    np.testing.assert_array_equal(TopK(0.4)(G, None), [[0, -3, 0, 0], [2, 0, -2, 0]])
    np.testing.assert_array_equal(TopK(1.0)(G, None), G)
    assert np.count_nonzero(TopK(1e-6)(G, None)) == 1
    tied = TopK(0.5)(jnp.ones(4, jnp.bfloat16), None)
    assert np.count_nonzero(tied) == 2 and tied.dtype == jnp.bfloat16


@pytest.mark.parametrize("compressor", [OneBit(), TopK(0.25)], ids=repr)
def test_a_declared_bound_holds_and_is_reached(compressor) -> None:
    """By numbers that are all alike but one for OneBit, and all alike for TopK."""
    random = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32)
    one = np.eye(16, dtype=np.float32)[0]
    worst = one if isinstance(compressor, OneBit) else np.ones(16, np.float32)
    share = lambda g: float(np.sum(np.square(compressor(g, None) - g)) / np.sum(np.square(g)))
    assert max(map(share, random)) <= compressor.error_bound(16)
    assert share(worst) == pytest.approx(compressor.error_bound(16))


@pytest.mark.parametrize("compressor", [RandomK(0.25), Int8()], ids=repr)
def test_what_is_drawn_is_right_in_the_mean(compressor) -> None:
    keys = jax.random.split(jax.random.key(0), DRAWS)
    drawn = np.asarray(jax.jit(jax.vmap(lambda key: compressor(G, key)))(keys), np.float64)
    spread = drawn.std(0)
    assert np.all(np.abs(drawn.mean(0) - G) <= 4.5 * spread / np.sqrt(DRAWS) + 1e-6)
    error = np.mean(np.sum(np.square(drawn - G), (1, 2))) / np.sum(np.square(G))
    if isinstance(compressor, RandomK):
        assert set(np.count_nonzero(drawn, (1, 2))) <= {1, 2} and np.all((drawn == 0) | (drawn == 4 * G))
        assert error == pytest.approx(compressor.error_bound(8), rel=0.1)
    else:
        unit = 3 / 127
        np.testing.assert_allclose(drawn / unit, np.round(drawn / unit), atol=1e-4)
        assert np.max(np.abs(drawn - G)) < unit * 1.0001 and 0 < error <= compressor.error_bound(8)


def test_nothing_and_bad_settings() -> None:
    key = jax.random.key(0)
    for compressor in (OneBit(), TopK(0.5), RandomK(0.5), Int8()):
        assert compressor(jnp.zeros((0, 3)), key).shape == (0, 3)
        assert compressor.error_bound(0) == 0
        assert not np.any(compressor(jnp.zeros(3), key))
        assert np.any(np.isnan(compressor(jnp.array([1.0, np.nan]), key))) or isinstance(compressor, RandomK)
    for kind in (TopK, RandomK):
        for fraction in (0, -0.1, 1.5, float("nan")):
            with pytest.raises(ValueError, match=f"{kind.__name__} keeps a fraction above 0 and at most 1"):
                kind(fraction)
    with pytest.raises(ValueError, match=r"Int8\(\) draws at random: give it a key"):
        Int8()(G, None)
