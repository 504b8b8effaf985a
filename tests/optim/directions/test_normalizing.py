from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim


def test_updates_together_get_the_length() -> None:
    updates = {"w": jnp.array([3.0, 0.0], jnp.bfloat16), "b": jnp.array(4.0), "none": None}
    normalized, _ = optim.normalize_by_update_norm(-2.0, eps=0.0).update(updates, optim.EmptyState())
    np.testing.assert_allclose(np.asarray(normalized["w"], np.float32), [-1.2, 0.0], rtol=1e-2)
    np.testing.assert_allclose(normalized["b"], -1.6, rtol=1e-6)
    assert normalized["none"] is None


def test_zero_and_empty_updates_stay_zero() -> None:
    normalize = optim.normalize_by_update_norm()
    assert normalize.update(jnp.zeros(2), optim.EmptyState())[0].tolist() == [0.0, 0.0]
    assert normalize.update({}, optim.EmptyState())[0] == {}


def test_in_a_chain_it_sees_the_updates_of_the_member_before() -> None:
    chain = optim.chain(optim.scale(3.0), optim.normalize_by_update_norm(eps=0.0))
    update, _ = chain.update(jnp.array([0.0, 2.0]), chain.init(jnp.zeros(2)))
    np.testing.assert_allclose(update, [0.0, 1.0], rtol=1e-6)


def test_negative_eps_is_named() -> None:
    with pytest.raises(ValueError, match=r"normalize_by_update_norm: eps must not be negative or NaN, got -1.0"):
        optim.normalize_by_update_norm(eps=-1.0)


def test_every_output_has_mean_zero() -> None:
    updates = {"w": jnp.arange(12.0).reshape(2, 3, 2), "b": jnp.arange(3.0), "s": jnp.array(2.0)}
    centered, _ = optim.centralize().update(updates, optim.EmptyState())
    np.testing.assert_array_equal(centered["w"], np.tile(np.arange(-2.5, 3.0).reshape(1, 3, 2), (2, 1, 1)))
    assert (centered["b"] == updates["b"]).all() and centered["s"] == 2.0
