import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.losses.reduction import REDUCTIONS, reduce, unreduce

TERMS = jnp.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])


def test_by_hand() -> None:
    assert reduce(TERMS, "none", 6) is TERMS
    assert float(reduce(TERMS, "sum", 6)) == 63
    assert float(reduce(TERMS, "mean", 6)) == 10.5
    assert float(reduce(TERMS, "mean", jnp.array(3.0))) == 21
    assert float(reduce(TERMS[0, 0], "mean", 1)) == 1


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_unreduce_is_the_adjoint_of_reduce(reduction: str) -> None:
    """<dy, reduce(terms)> = <unreduce(dy), terms>."""
    dy = -3 + TERMS if reduction == "none" else jnp.array(-3.0)
    left = np.sum(dy * reduce(TERMS, reduction, 6))
    right = np.sum(jnp.broadcast_to(unreduce(dy, reduction, 6), TERMS.shape) * TERMS)
    assert float(left) == pytest.approx(float(right), rel=1e-6)
