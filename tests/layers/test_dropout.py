import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp

X = jnp.ones((200, 100))


def test_fraction_removed_and_mean_kept() -> None:
    params, state = bp.Dropout(0.3).init(jax.random.key(0), X)
    y, new_state, residuals = bp.Dropout(0.3).forward(params, state, X)
    assert float(jnp.mean(y == 0)) == pytest.approx(0.3, abs=0.01)
    assert np.unique(y).tolist() == pytest.approx([0.0, 1 / 0.7])
    _, dx = bp.Dropout(0.3).backward(params, residuals, X)
    assert (dx == y).all()  # the mask is its own adjoint
    assert (bp.Dropout(0.3).forward(params, new_state, X)[0] != y).any()  # a new mask at the next call


def test_residual_is_the_key_alone() -> None:
    assert bp.residual_bytes(bp.Dropout(0.3), X) == 8


def test_eval_mode_changes_nothing_and_keeps_the_state() -> None:
    layer = bp.eval_mode(bp.Dropout(0.3))
    state = jax.random.key(3)
    y, new_state, residuals = layer.forward((), state, X)
    assert y is X and new_state is state and residuals == ()


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_bad_rate(rate: float) -> None:
    with pytest.raises(ValueError, match="at least 0 and less than 1, not"):
        bp.Dropout(rate)
