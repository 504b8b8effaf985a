"""Activations that save a few bits: the bytes they save and the errors they declare."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.combinators.chain import Chain
from backprop_jax.harvest.residuals import FewBits, OneBitReLU, few_bits
from backprop_jax.testing import check_layer

X = jnp.asarray(np.random.default_rng(0).standard_normal((7, 33)), jnp.float32)


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


@pytest.mark.filterwarnings("error")
def test_a_derivative_that_is_constant() -> None:
    layer, x = FewBits(bp.LeakyReLU(1.0), 2), jnp.linspace(-3, 3, 7)
    assert layer.error_bound == 0
    _, dx = layer.backward((), layer.forward((), (), x)[2], 2 * x)
    np.testing.assert_array_equal(dx, 2 * x)


def test_a_model_is_rewritten_at_once() -> None:
    model = bp.chain(bp.Dense(8), bp.ReLU(), bp.Dense(8), bp.GELU(), bp.skip(bp.SiLU()))
    compressed = few_bits(model, 2)
    assert isinstance(compressed, Chain)
    kinds = [type(part).__name__ for part in compressed.children.layers]
    assert kinds == ["Dense", "OneBitReLU", "Dense", "FewBits", "Skip"]
    assert compressed.children.layers[3] == FewBits(bp.GELU(), 2)
    assert few_bits(bp.Tanh(), 4, bp.Tanh) == FewBits(bp.Tanh(), 4)
    with pytest.raises(ValueError, match="selects no layer; there are 0: Dense, 1: Tanh"):
        few_bits(bp.chain(bp.Dense(8), bp.Tanh()))
    with pytest.raises(ValueError, match="1, 2, 4 or 8 bits, not 3"):
        FewBits(bp.GELU(), 3)
    with pytest.raises(TypeError, match="elementwise layer"):
        FewBits(bp.Dense(3))
