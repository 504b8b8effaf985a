import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import TIED, normal

# Values and slopes from the definitions, by hand.
BY_HAND = [
    (bp.Sigmoid(), 0.0, 0.5, 0.25),
    (bp.Tanh(), 0.5, math.tanh(0.5), 1 - math.tanh(0.5) ** 2),
    (bp.ReLU(), 0.0, 0.0, 0.0),
    (bp.ReLU(), 2.0, 2.0, 1.0),
    (bp.ReLU6(), 7.0, 6.0, 0.0),
    (bp.LeakyReLU(0.1), -2.0, -0.2, 0.1),
    (bp.ELU(2.0), -1.0, 2 * (math.exp(-1) - 1), 2 * math.exp(-1)),
    (bp.SELU(), 1.0, 1.05070099, 1.05070099),
    (bp.SELU(), -1.0, 1.05070099 * 1.67326324 * (math.exp(-1) - 1), 1.05070099 * 1.67326324 * math.exp(-1)),
    (bp.SiLU(), 0.0, 0.0, 0.5),
    (bp.GELU(approximate=False), 1.0, 0.841344746, 0.841344746 + math.exp(-0.5) / math.sqrt(2 * math.pi)),
    (bp.GELU(), 0.0, 0.0, 0.5),
    (bp.Softplus(), 0.0, math.log(2), 0.5),
    (bp.Mish(), 0.0, 0.0, math.tanh(math.log(2))),
    (bp.HardTanh(), 1.5, 1.0, 0.0),
    (bp.HardSigmoid(), 0.0, 0.5, 1 / 6),
    (bp.HardSiLU(), 1.0, 4 / 6, 5 / 6),
    (bp.HardSiLU(), 4.0, 4.0, 1.0),
]


@pytest.mark.parametrize(("layer", "x", "value", "slope"), BY_HAND, ids=repr)
def test_by_hand(layer: bp.Layer, x: float, value: float, slope: float) -> None:
    y, _, residuals = layer.forward((), (), jnp.array([x]))
    _, dx = layer.backward((), residuals, jnp.array([3.0]))
    assert float(y[0]) == pytest.approx(value, abs=1e-6)
    assert float(dx[0]) == pytest.approx(3 * slope, abs=1e-6)


ACTIVATIONS = [
    bp.ELU(),
    bp.GELU(),
    bp.GELU(approximate=False),
    bp.SELU(),
    bp.SiLU(),
    bp.Mish(),
    bp.Softplus(),
    bp.Sigmoid(),
    bp.Tanh(),
]


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=repr)
def test_slopes_stay_finite_where_exponentials_overflow(layer: bp.Layer) -> None:
    x = jnp.array([-1e4, -100.0, 100.0, 1e4])
    y, _, residuals = layer.forward((), (), x)
    _, dx = layer.backward((), residuals, jnp.ones(4))
    assert np.isfinite(y).all() and np.isfinite(dx).all()
    assert abs(float(dx[0])) <= 1e-6  # every one of these is flat far to the left


@pytest.mark.parametrize("layer", [bp.ReLU6(), bp.LeakyReLU(), bp.HardTanh(), bp.HardSigmoid()], ids=repr)
def test_two_slopes_need_one_byte_an_element(layer: bp.Layer) -> None:
    assert bp.residual_bytes(layer, TIED) == TIED.size


def test_an_output_that_the_next_layer_saves_is_counted_once() -> None:
    pair = bp.chain(bp.Tanh(), bp.Dense(3))
    assert bp.residual_bytes(pair, normal(4, 5)) == bp.residual_bytes(bp.Dense(3), normal(4, 5))


def test_integers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ReLU\(\) needs a floating point input, not int32\[3\]"):
        jax.eval_shape(bp.ReLU().forward, (), (), jnp.arange(3))
