import jax
import jax.numpy as jnp

import backprop_jax as bp
from backprop_jax.core.keys import typed_key


def _data(state) -> list:
    return jax.random.key_data(state).tolist()


def test_keys_of_the_old_form_are_taken_as_keys() -> None:
    old = jax.random.PRNGKey(3)
    assert _data(typed_key(old)) == _data(jax.random.key(3))
    _, state = bp.Dropout(0.5).init(old, jnp.ones(3))
    assert jnp.issubdtype(state.dtype, jax.dtypes.prng_key)
    fresh = bp.reseed((state,), jax.random.PRNGKey(7))
    assert fresh[0].dtype == state.dtype and _data(fresh[0]) != _data(state)


def test_reseed_replaces_every_key_and_nothing_else() -> None:
    model = bp.chain(bp.scan(bp.Dropout(0.1), 2), bp.Dropout(0.2))
    _, state = model.init(jax.random.key(0), jnp.ones((3, 2)))
    state = (*state, jnp.arange(2))
    fresh = bp.reseed(state, jax.random.key(1))
    assert jax.tree.structure(fresh) == jax.tree.structure(state)
    assert fresh[2] is state[2]
    assert [key.shape for key in fresh[:2]] == [(2,), ()]  # scan's keys have its axis
    drawn = [tuple(key) for keys in fresh[:2] for key in jax.random.key_data(keys).reshape(-1, 2).tolist()]
    assert len(set(drawn)) == 3 and not set(drawn) & {tuple(key) for key in _data(state[0])}
