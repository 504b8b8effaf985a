import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal


def test_by_hand() -> None:
    """One example, two inputs, one output: y = 1*2 + 3*4 + 5."""
    params = {"w": jnp.array([[2.0], [4.0]]), "b": jnp.array([5.0])}
    y, state, residuals = bp.Dense(1).forward(params, (), jnp.array([[1.0, 3.0]]))
    dparams, dx = bp.Dense(1).backward(params, residuals, jnp.array([[10.0]]))
    assert y.tolist() == [[19.0]] and state == ()
    assert dx.tolist() == [[20.0, 40.0]]
    assert dparams["w"].tolist() == [[10.0], [30.0]] and dparams["b"].tolist() == [10.0]


def test_initial_parameters() -> None:
    params, _ = bp.Dense(400).init(jax.random.key(0), jax.ShapeDtypeStruct((7, 100), jnp.bfloat16))
    assert params["w"].shape == (100, 400) and params["w"].dtype == jnp.float32
    assert np.std(params["w"]) == pytest.approx(0.1, rel=0.02)
    assert not params["b"].any()
    assert "b" not in bp.Dense(4, use_bias=False).init(jax.random.key(0), normal(2, 3))[0]


def test_mixed_dtypes_keep_each_cotangent_in_the_dtype_of_its_primal() -> None:
    x = jnp.asarray(normal(4, 5), jnp.bfloat16)
    params, state = bp.Dense(3).init(jax.random.key(0), x)
    y, _, residuals = bp.Dense(3).forward(params, state, x)
    dparams, dx = bp.Dense(3).backward(params, residuals, y)
    assert (dx.dtype, dparams["w"].dtype) == (jnp.bfloat16, jnp.float32)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (normal(4, 6), r"initialized for inputs of width 5, but was given \[4, 6\]"),
        (ids(4, 5, below=3), r"needs a floating point input, not int32\[4, 5\]"),
        (np.float32(1.0), r"at least 1 axes, not of shape \[\]"),
        ((normal(4, 5), normal(4, 5)), "takes one array"),
    ],
)
def test_bad_input(x, message: str) -> None:
    params, state = bp.Dense(3).init(jax.random.key(0), normal(4, 5))
    with pytest.raises(ValueError, match=message):
        bp.Dense(3).forward(params, state, x)
    with pytest.raises(ValueError, match="features, 1 or more, not 0"):
        bp.Dense(0)
