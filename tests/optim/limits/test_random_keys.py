from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim

noise = lambda key, **seed: optim.add_noise(1.0, 0.5, key, **seed)


def test_a_seed_is_the_same_value_however_it_is_given() -> None:
    assert noise(3) == noise(jnp.array(3)) and hash(noise(3)) == hash(noise(jnp.array(3)))
    with pytest.warns(DeprecationWarning, match="add_noise: seed is deprecated, use key instead"):
        assert noise(None, seed=3) == noise(3)


def test_keys_compare_by_their_words_and_generator() -> None:
    key = jax.random.key(3)
    assert noise(key) == noise(jax.random.key(3))
    assert len({noise(key), noise(jax.random.split(key)[0]), noise(jax.random.key(3, impl="rbg"))}) == 3


def test_equal_keys_do_not_compile_again_even_where_they_are_built_under_jit() -> None:
    traces = []

    @jax.jit
    def draw(scale: jax.Array) -> jax.Array:
        traces.append(noise(key))
        return traces[-1].update(scale, traces[-1].init(scale))[0]

    key = jax.random.key(8)
    draw(jnp.array(1.0))
    assert traces[0] == noise(key)


@pytest.mark.parametrize("key", [0.5, jax.random.PRNGKey(0), jax.random.split(jax.random.key(0)), "0"])
def test_no_key_and_no_seed(key: Any) -> None:
    with pytest.raises(TypeError, match=r"add_noise: key must be a seed such as 0, or jax.random.key\(0\), got"):
        noise(key)


def test_key_and_seed_exclude_each_other() -> None:
    with pytest.warns(DeprecationWarning), pytest.raises(ValueError, match="add_noise: key and seed were both given"):
        noise(1, seed=1)


def test_without_a_key_it_is_0_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="without a key the noise is that of key=0 in every run"):
        assert noise(None) == noise(0)
