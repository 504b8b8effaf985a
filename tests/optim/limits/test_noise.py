from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim

TREE = {"w": jnp.zeros((3, 4), jnp.bfloat16), "none": None, "half": [jnp.zeros(5, jnp.float16), jnp.zeros(())]}


@pytest.mark.parametrize(("key", "jit"), [(5, False), (jax.random.key(5, impl="rbg"), True)], ids=["seed", "key"])
def test_noise_is_that_of_optax_in_every_dtype(key: Any, jit: bool) -> None:
    mine, other = optim.add_noise(0.3, 0.55, key), optax.add_noise(0.3, 0.55, key)
    state, their_state = mine.init(TREE), other.init(TREE)
    update = jax.jit(mine.update) if jit else mine.update
    for _ in range(2):
        updates, state = update(TREE, state)
        their_updates, their_state = other.update(TREE, their_state)
        assert updates["none"] is None
        for leaf, their_leaf in zip(jax.tree.leaves(updates), jax.tree.leaves(their_updates), strict=True):
            assert leaf.dtype == their_leaf.dtype
            # In half precision optax rounds twice, the noise and then the sum.
            np.testing.assert_allclose(*(np.asarray(x, np.float32) for x in (leaf, their_leaf)), rtol=1e-2)


def test_a_traced_seed_and_a_traced_key() -> None:
    def noise(key: Any) -> jax.Array:
        optimizer = optim.add_noise(1.0, 0.5, key)
        return optimizer.update(jnp.zeros(3), optimizer.init(jnp.zeros(3)))[0]

    expected = [noise(0), noise(1)]
    np.testing.assert_allclose(jax.vmap(noise)(jnp.arange(2)), expected, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(noise)(jax.vmap(jax.random.key)(jnp.arange(2))), expected, rtol=1e-5)


def test_the_variance_fades() -> None:
    noise = optim.add_noise(4.0, 2, 0)
    state = noise.init(jnp.zeros(4000))
    for t in (1, 2, 3):
        update, state = noise.update(jnp.zeros(4000), state)
        np.testing.assert_allclose(jnp.std(update), 2.0 / t, rtol=0.05)
    # An integer power of the step count would overflow.
    update, state = noise.update(jnp.zeros(4000), state._replace(count=jnp.array(2**31 - 1, jnp.int32)))
    assert jnp.abs(update).max() < 1e-7 and state.count == 2**31 - 1


def test_empty_tree_and_number() -> None:
    noise = optim.add_noise(1.0, 0.5, 0)
    assert noise.update({}, noise.init({}))[0] == {}
    assert noise.update(1.0, noise.init(1.0))[0].shape == ()


def test_negative_eta_is_named() -> None:
    with pytest.raises(ValueError, match=r"add_noise: eta must not be negative or NaN, got -1.0"):
        optim.add_noise(-1.0, 0.5, 0)
