import jax.numpy as jnp
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal


def test_by_hand() -> None:
    params = {"scale": jnp.array([2.0, 3.0]), "shift": jnp.array([1.0, -1.0])}
    y, state, residuals = bp.Affine().forward(params, (), jnp.array([[[5.0, 7.0]], [[1.0, 0.0]]]))
    assert y.tolist() == [[[11.0, 20.0]], [[3.0, -1.0]]] and state == ()
    dparams, dx = bp.Affine().backward(params, residuals, jnp.array([[[1.0, 10.0]], [[4.0, 20.0]]]))
    assert dx.tolist() == [[[2.0, 30.0]], [[8.0, 60.0]]]
    assert dparams["scale"].tolist() == [9.0, 70.0] and dparams["shift"].tolist() == [5.0, 30.0]


def test_bad_input() -> None:
    params = {"scale": jnp.ones(3), "shift": jnp.zeros(3)}
    with pytest.raises(ValueError, match=r"Affine\(\) was initialized for inputs of width 3, but was given \[4, 1\]"):
        bp.Affine().forward(params, (), normal(4, 1))
    with pytest.raises(ValueError, match="floating point"):
        bp.Affine().forward(params, (), ids(4, 3, below=2))
