"""The parameters that can be moved, and their way back into the whole."""

import jax.numpy as jnp

from backprop_jax.harvest.local.perturbation import movable


def test_whole_numbers_stay_where_they_are() -> None:
    params = {"a": jnp.ones(2), "steps": jnp.array(3), "z": (jnp.zeros((1, 2), jnp.bfloat16), ())}
    leaves, whole, gradient = movable(params)
    assert [leaf.shape for leaf in leaves] == [(2,), (1, 2)]
    moved = whole([leaf + 1 for leaf in leaves])
    assert moved["a"].tolist() == [2, 2] and moved["steps"] == 3 and moved["z"][0].tolist() == [[1, 1]]
    found = gradient([jnp.full(2, 5.0), jnp.ones((1, 2))])
    assert found["steps"] is None and found["a"].tolist() == [5, 5] and found["z"][1] == ()
