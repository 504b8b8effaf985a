"""A model with a key for the rule that draws: the model itself, and a new key a step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.local import Keyed
from backprop_jax.harvest.local.keyed import key_of

MODEL = bp.chain(bp.Dense(3), bp.Dropout(0.5))
X = jnp.ones((2, 4))


def test_it_is_the_model_with_a_key_that_changes() -> None:
    keyed = Keyed(MODEL)
    params, state = keyed.init(jax.random.PRNGKey(0), X)
    assert jnp.issubdtype(state.key.dtype, jax.dtypes.prng_key)  # typed, also from a key of the old form
    y, after, saved = keyed.forward(params, state, X)
    alone, alone_after, alone_saved = MODEL.forward(params, state.layer, X)
    np.testing.assert_array_equal(y, alone)
    assert after.layer[1] == alone_after[1] and after.key != state.key
    ours, theirs = (model.backward(params, kept, y) for model, kept in ((keyed, saved), (MODEL, alone_saved)))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    drawn, next_drawn = key_of("rule", state), key_of("rule", after)
    assert len({str(jax.random.key_data(key)) for key in (drawn, next_drawn, state.key, after.key)}) == 4


def test_a_model_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the rule draws at random: give it an objective of Keyed\(model\)"):
        key_of("the rule", ((), ()))
    with pytest.raises(TypeError, match="Keyed takes layers"):
        Keyed("model")  # pyright: ignore[reportArgumentType]
