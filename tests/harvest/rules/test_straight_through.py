"""Steps and their surrogates, element by element."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.rules import Binary, Spike, StraightThrough, Ternary

X = np.array([-2.0, -1.0, -0.5, -0.1, 0.0, 0.1, 0.5, 1.0, 1.2, 2.0], np.float32)
INSIDE = np.array([0, 1, 1, 1, 1, 1, 1, 1, 0, 0])
CASES = {
    "Binary": (Binary(), [-1, -1, -1, -1, 1, 1, 1, 1, 1, 1], INSIDE),
    "Ternary": (Ternary(0.3), [-1, -1, -1, 0, 0, 0, 1, 1, 1, 1], INSIDE),
    "Spike": (Spike(1.0, 4.0), [0, 0, 0, 0, 0, 0, 0, 1, 1, 1], 1 / (1 + 4 * np.abs(X - 1)) ** 2),
}


@pytest.mark.parametrize(("step", "y", "slope"), CASES.values(), ids=CASES)
def test_forward_is_the_step_and_backward_the_surrogate(step, y, slope) -> None:
    layer = StraightThrough(step)
    found, _, residuals = layer.forward((), (), jnp.asarray(X))
    np.testing.assert_array_equal(found, y)
    dy = np.arange(1, 11, dtype=np.float32)
    np.testing.assert_allclose(layer.backward((), residuals, jnp.asarray(dy))[1], dy * slope, rtol=1e-6)
    assert layer == StraightThrough(type(step)(*vars(step).values())) and found.dtype == X.dtype


def test_weights_of_one_bit_learn() -> None:
    """y = sign(w) x, with the signs to be found."""
    x = np.random.default_rng(0).standard_normal((64, 8)).astype(np.float32)
    signs = np.where(np.arange(8) % 3 == 0, -1.0, 1.0)[:, None]
    model = bp.reparameterize(bp.Dense(1, use_bias=False), binary_weights)
    objective = bp.supervised(model, bp.losses.MeanSquaredError())
    batch = x, (x @ signs).astype(np.float32)
    params, state = objective.init(jax.random.key(0), batch)
    step = jax.jit(bp.value_and_grad(objective))
    for _ in range(100):
        (loss, _), gradient = step(params, state, batch)
        params = jax.tree.map(lambda p, g: p - 0.05 * g, params, gradient)
    assert loss < 1e-10 and np.array_equal(np.sign(params["w"]), signs)


def binary_weights(params):
    binary = bp.as_jax_function(StraightThrough(Binary()))
    return jax.tree.map(lambda leaf: binary((), (), leaf)[0], params)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="slope above 0, not 0"):
        Spike(slope=0)
    with pytest.raises(ValueError, match="threshold of 0 or more, not -1"):
        Ternary(-1)
    with pytest.raises(ValueError, match="floating point"):
        StraightThrough(Binary()).forward((), (), jnp.arange(3))
