import jax.numpy as jnp
import pytest

import backprop_jax as bp


def test_sum_copies_and_concatenate_splits() -> None:
    x = (jnp.array([[1.0, 2.0]]), jnp.array([[3.0, 4.0]]))
    y, _, residuals = bp.Sum().forward((), (), x)
    assert y.tolist() == [[4.0, 6.0]]
    assert [part.tolist() for part in bp.Sum().backward((), residuals, y)[1]] == [[[4.0, 6.0]]] * 2
    y, _, residuals = bp.Concatenate().forward((), (), x)
    assert y.tolist() == [[1.0, 2.0, 3.0, 4.0]]
    assert [part.tolist() for part in bp.Concatenate().backward((), residuals, y)[1]] == [[[1.0, 2.0]], [[3.0, 4.0]]]


def test_each_cotangent_has_the_dtype_of_its_part() -> None:
    x = {"a": jnp.ones(3, jnp.bfloat16), "b": jnp.ones(3)}
    for join in (bp.Sum(), bp.Concatenate()):
        y, _, residuals = join.forward((), (), x)
        dx = join.backward((), residuals, y)[1]
        assert {name: leaf.dtype for name, leaf in dx.items()} == {name: leaf.dtype for name, leaf in x.items()}


def test_a_sum_that_would_broadcast_is_refused() -> None:
    with pytest.raises(ValueError, match=r"arrays of one shape, not \[\(3,\), \(1,\)\]"):
        bp.Sum().forward((), (), (jnp.ones(3), jnp.ones(1)))
