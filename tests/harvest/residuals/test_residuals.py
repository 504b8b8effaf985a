"""Compressed residuals: the bytes they save and the errors they declare."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.residuals import FewBits, OneBitReLU, few_bits, quantized, reversible
from backprop_jax.testing import check_layer

X = jnp.asarray(np.random.default_rng(0).standard_normal((7, 33)), jnp.float32)
DY = jnp.asarray(np.random.default_rng(1).standard_normal((7, 33)), jnp.float32)


def test_one_bit_relu_is_relu_at_a_bit_an_element() -> None:
    check_layer(OneBitReLU(), X)
    assert bp.residual_bytes(OneBitReLU(), X) == -(-X.size // 8)
    for edge in (jnp.zeros((0, 3)), jnp.array([[0.0, -0.0, jnp.nan, 1.0]])):
        _, _, saved = OneBitReLU().forward((), (), edge)
        assert OneBitReLU().backward((), saved, jnp.ones_like(edge))[1].tolist() == (edge > 0).astype(float).tolist()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("activation", [bp.GELU(), bp.GELU(approximate=False), bp.SiLU(), bp.Tanh()], ids=str)
def test_the_derivative_is_within_the_bound(activation, bits) -> None:
    layer = FewBits(activation, bits)
    x = jnp.concatenate([jnp.linspace(-20, 20, 4001), jnp.array([-1e6, 1e6])])
    y, _, saved = jax.jit(layer.forward)((), (), x)
    np.testing.assert_allclose(y, activation.forward((), (), x)[0], rtol=1e-6, atol=1e-6)
    _, found = layer.backward((), saved, jnp.ones_like(x))
    _, exact = activation.backward((), activation.forward((), (), x)[2], jnp.ones_like(x))
    assert jnp.max(jnp.abs(found - exact)) <= layer.error_bound
    # The variation of GELU's derivative is 1.52, of SiLU's 1.4, of tanh's 2: it is shared out among the intervals.
    assert layer.error_bound <= 1.05 * 2 / 2 ** (bits + 1)
    assert saved.dtype == jnp.uint8 and saved.size == -(-x.size * bits // 8)


def test_half_precision_and_derivatives_that_jump() -> None:
    x = jnp.linspace(-6, 6, 2001).astype(jnp.bfloat16)
    for activation, bits in ((bp.GELU(), 8), (bp.ReLU(), 2), (bp.HardSiLU(), 4), (bp.LeakyReLU(), 4)):
        layer = FewBits(activation, bits)
        _, found = layer.backward((), layer.forward((), (), x)[2], jnp.ones(x.shape, jnp.float32))
        precise = x.astype(jnp.float32)
        _, exact = activation.backward((), activation.forward((), (), precise)[2], jnp.ones(x.shape, jnp.float32))
        jumps = jnp.min(jnp.abs(precise[:, None] - jnp.array([-3.0, 0.0, 3.0])), 1) < 2e-4
        assert jnp.max(jnp.where(jumps, 0, jnp.abs(found - exact))) <= layer.error_bound < 0.3


def test_a_model_is_rewritten_at_once() -> None:
    model = bp.chain(bp.Dense(8), bp.ReLU(), bp.Dense(8), bp.GELU(), bp.skip(bp.SiLU()))
    compressed = bp.rewrite(model, few_bits(2))
    kinds = [type(part).__name__ for part in compressed.children.layers]
    assert kinds == ["Dense", "OneBitReLU", "Dense", "FewBits", "Skip"]
    assert compressed.children.layers[3] == FewBits(bp.GELU(), 2)
    with pytest.raises(ValueError, match="1, 2, 4 or 8 bits, not 3"):
        FewBits(bp.GELU(), 3)
    with pytest.raises(TypeError, match="elementwise layer"):
        FewBits(bp.Dense(3))


def test_eight_bits_are_within_their_bound_and_a_quarter_of_the_bytes() -> None:
    dense, layer = bp.Dense(5), quantized(bp.Dense(5))
    params, state = layer.init(jax.random.key(0), X)
    dy = DY[:, :5]
    y, _, saved = jax.jit(layer.forward)(params, state, X)
    dparams, dx = jax.jit(layer.backward)(params, saved, dy)
    exact_params, exact_dx = dense.backward(params, X, dy)
    np.testing.assert_allclose(y, X @ params["w"] + params["b"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx, exact_dx, rtol=1e-5)  # it needs no x
    # |x̂ - x| <= bound max|x| of the row, and so dw is off by Σ of that times |dy|.
    limit = layer.error_bound * jnp.max(jnp.abs(X), 1) @ jnp.abs(dy)
    error = jnp.abs(dparams["w"] - exact_params["w"])
    assert jnp.all(error <= limit + 1e-5) and jnp.max(error) > 1e-4
    assert bp.residual_bytes(layer, X) == X.size + 4 * len(X)
    zeros = jnp.zeros((2, 33))
    assert not jnp.any(layer.backward(params, layer.forward(params, state, zeros)[2], dy[:2])[0]["w"])


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
    with pytest.raises(ValueError, match="depth of 1 or more, a whole number, not 0"):
        reversible(bp.Dense(3), bp.Dense(3), 0)
