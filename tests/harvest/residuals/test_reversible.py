"""Blocks that are run backwards: the derivative of the blocks, at the bytes of one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.residuals import reversible
from backprop_jax.testing import check_layer

X = jnp.asarray(np.random.default_rng(0).standard_normal((7, 33)), jnp.float32)
DY = jnp.asarray(np.random.default_rng(1).standard_normal((7, 33)), jnp.float32)


def test_reversible_blocks_are_the_blocks_and_save_one_output() -> None:
    f, g = (bp.chain(bp.LayerNorm(), bp.Dense(9), bp.Tanh(), bp.Dense(6)) for _ in range(2))
    pair = X[:, :6], DY[:, :6]
    check_layer(reversible(bp.Dense(6), bp.chain(bp.Dense(6), bp.Tanh()), 2), pair, mixed_dtypes=False)
    few, many = (bp.residual_bytes(reversible(f, g, depth), pair) for depth in (2, 8))
    assert few == many == 2 * pair[0].nbytes
    random = reversible(bp.chain(bp.Dense(6), bp.Dropout(0.5)), g, 3)
    params, state = random.init(jax.random.key(0), pair)

    def written_out(params, x):
        for number in range(3):
            (f_params, g_params), (f_state, g_state) = jax.tree.map(lambda leaf, i=number: leaf[i], (params, state))
            y1 = x[0] + random.f.forward(f_params, f_state, x[1])[0]
            x = y1, x[1] + g.forward(g_params, g_state, y1)[0]
        return x

    y, pullback = jax.vjp(written_out, params, pair)
    dy = jax.tree.map(jnp.cos, y)
    found, _, saved = random.forward(params, state, pair)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, y)
    ours = random.backward(params, saved, dy)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), ours, pullback(dy))


def test_pairs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape and dtype, not float32\[7, 33\] and float32\[7, 5\]"):
        reversible(bp.Dense(3), bp.Dense(3), 1).init(jax.random.key(0), (X, X[:, :5]))
    for depth in (0, True):
        with pytest.raises(ValueError, match=f"depth of 1 or more, a whole number, not {depth}"):
            reversible(bp.Dense(3), bp.Dense(3), depth)
    reversible(bp.Dense(3), bp.Dense(3), np.int64(2))  # pyright: ignore[reportArgumentType]
