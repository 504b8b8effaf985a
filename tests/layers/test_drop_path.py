import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids

X = jnp.ones((2000, 2, 3))


def test_whole_examples_removed_and_the_mean_kept() -> None:
    params, state = bp.DropPath(0.3).init(jax.random.key(0), X)
    y, new_state, residuals = bp.DropPath(0.3).forward(params, state, X)
    assert (y == y[:, :1, :1]).all()
    assert float(jnp.mean(y[:, 0, 0] == 0)) == pytest.approx(0.3, abs=0.03)
    assert np.unique(y).tolist() == pytest.approx([0.0, 1 / 0.7])
    _, dx = bp.DropPath(0.3).backward(params, residuals, X)
    assert (dx == y).all()  # the mask is its own adjoint
    assert (bp.DropPath(0.3).forward(params, new_state, X)[0] != y).any()  # another draw at the next call


def test_eval_mode_changes_nothing() -> None:
    layer, state = bp.eval_mode(bp.DropPath(0.3)), jax.random.key(3)
    y, new_state, residuals = layer.forward((), state, X)
    assert y is X and new_state is state and residuals == ()


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="DropPath removes a fraction of at least 0 and less than 1, not 1"):
        bp.DropPath(1)
    for x, message in (
        (jnp.float32(1), "at least 1 axes"),
        (ids(3, below=2), r"DropPath\(rate=0.3\) needs a floating"),
    ):
        with pytest.raises(ValueError, match=message):
            bp.DropPath(0.3).forward((), jax.random.key(0), x)
