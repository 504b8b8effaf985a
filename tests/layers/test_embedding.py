import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal


def test_a_number_outside_the_table_is_seen_and_harms_no_row() -> None:
    layer, x = bp.Embedding(3, 2), jnp.array([0, 5])
    params, _ = layer.init(jax.random.key(0), x)
    y, _, residuals = layer.forward(params, (), x)
    assert np.isnan(y[1]).all() and np.isfinite(y[0]).all()
    dparams, _ = layer.backward(params, residuals, jnp.ones((2, 2)))
    assert dparams["table"].tolist() == [[1, 1], [0, 0], [0, 0]]


def test_many_small_terms_are_summed_in_float32() -> None:
    """4,096 terms of 1 in bfloat16 would stop at 256."""
    dparams, _ = bp.Embedding(2, 1).backward(
        {"table": jnp.zeros((2, 1), jnp.bfloat16)}, jnp.zeros(4096, jnp.int32), jnp.ones((4096, 1), jnp.bfloat16)
    )
    assert float(dparams["table"][0, 0]) == 4096


def test_bad_input() -> None:
    params, _ = bp.Embedding(3, 2).init(jax.random.key(0), jnp.arange(3))
    with pytest.raises(ValueError, match=r"needs integer row numbers, not float32\[4\]"):
        bp.Embedding(3, 2).forward(params, (), normal(4))
    with pytest.raises(ValueError, match="at least 1 row and 1 feature, not 0 and 2"):
        bp.Embedding(0, 2)
