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


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan"), "a"])
def test_bad_rate(rate) -> None:
    with pytest.raises(ValueError, match="at least 0 and less than 1, not"):
        bp.Dropout(rate)


@pytest.mark.parametrize("shared", [(1, 2), [-2, -3]])
def test_shared_draws_remove_whole_channels(shared) -> None:
    layer, x = bp.Dropout(0.5, broadcast_dims=shared), jnp.ones((20, 3, 4, 10))
    params, state = layer.init(jax.random.key(0), x)
    y, _, residuals = layer.forward(params, state, x)
    assert (y == y[:, :1, :1, :]).all()
    assert float(jnp.mean(y == 0)) == pytest.approx(0.5, abs=0.1)
    assert not (y[0, 0, 0] == y[1, 0, 0]).all() and len(np.unique(y[0, 0, 0])) == 2
    assert (layer.backward(params, residuals, x)[1] == y).all()


def test_one_mask_through_time() -> None:
    """Variational dropout: what is gone at a step is gone at all of them, and other units in other sequences."""
    layer, x = bp.Dropout(0.5, broadcast_dims=(1,)), jnp.arange(1.0, 1 + 8 * 5 * 40).reshape(8, 5, 40)
    params, state = layer.init(jax.random.key(0), x)
    y, _, residuals = layer.forward(params, state, x)
    kept = np.asarray(y != 0)
    assert (kept == kept[:, :1]).all() and (y[kept] == 2 * x[kept]).all()
    assert len({row.tobytes() for row in kept[:, 0]}) == 8
    dx = layer.backward(params, residuals, jnp.flip(x))[1]
    assert (dx == jnp.where(kept, 2 * jnp.flip(x), 0)).all()
    assert bp.residual_bytes(layer, x) == 8


def test_bad_axes() -> None:
    for dims in (1, (1.5,), "a"):
        with pytest.raises(ValueError, match=r"Dropout needs broadcast_dims of whole numbers, .* not"):
            bp.Dropout(0.1, broadcast_dims=dims)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"broadcast_dims=\(2,\)\) needs an input that has these axes, not .*\[200, 100\]"
    ):
        bp.Dropout(0.3, broadcast_dims=(2,)).forward((), jax.random.key(0), X)
