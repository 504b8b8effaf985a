from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal
from tests.oracles import pool_steps

B, T, D = 4, 5, 3
LENGTHS = np.array([5, 0, 1, 3], np.int32)
MASK = np.array([[False, True, True, False, True], [False] * 5, [True] * 5, [False, False, False, True, False]])
POOLINGS = {"mean": bp.MeanSteps(), "largest": bp.MaxSteps(), "last": bp.LastStep()}


def both_ways(layer: bp.Layer, x: Any, dy: np.ndarray) -> tuple[Any, Any]:
    y, _, residuals = layer.forward((), (), x)
    return y, layer.backward((), residuals, jnp.asarray(dy))[1]


@pytest.mark.parametrize("name", POOLINGS)
def test_as_one_sequence_at_a_time(name: str) -> None:
    # Three values only, so that most sequences hold their largest one several times.
    x, dy = ids(B, T, D, below=3).astype(np.float32), normal(B, D)
    x_poisoned = np.where(MASK[:, :, None], x, np.nan)
    first_steps = np.arange(T) < LENGTHS[:, None]
    for given, mask, padded in (
        (x, np.ones((B, T), bool), False),
        (bp.Padded(jnp.asarray(x), jnp.asarray(LENGTHS)), first_steps, True),
        (bp.Padded(jnp.asarray(x_poisoned), jnp.asarray(MASK)), MASK, True),
    ):
        y, dx = both_ways(POOLINGS[name], given, dy)
        if padded:
            assert dx.lengths is None
            dx = dx.x
        y_expected, dx_expected = getattr(pool_steps, name)(x, mask, dy)
        np.testing.assert_allclose(y, y_expected, rtol=1e-6)
        np.testing.assert_allclose(dx, dx_expected, rtol=1e-6)


@pytest.mark.parametrize("layer", POOLINGS.values(), ids=repr)
def test_no_steps_at_all(layer: bp.Layer) -> None:
    y, dx = both_ways(layer, np.ones((2, 0, 3), np.float32), normal(2, 3))
    assert (y == jnp.zeros((2, 3))).all() and dx.shape == (2, 0, 3)
    y, dx = both_ways(layer, np.ones((0, 2, 3), np.float32), normal(0, 3))
    assert y.shape == (0, 3) and dx.shape == (0, 2, 3)


def test_the_largest_of_minus_infinities_is_a_real_step() -> None:
    x = bp.Padded(jnp.full((1, 3, 1), -jnp.inf), jnp.array([[False, True, True]]))
    y, dx = both_ways(bp.MaxSteps(), x, np.ones((1, 1), np.float32))
    assert y == -jnp.inf and dx.x.ravel().tolist() == [0, 1, 0]


def test_a_nan_is_the_largest() -> None:
    y, dx = both_ways(bp.MaxSteps(), jnp.array([[[1.0], [jnp.nan], [2.0]]]), np.ones((1, 1), np.float32))
    assert jnp.isnan(y).all() and dx.ravel().tolist() == [0, 1, 0]


def test_more_steps_than_a_byte_counts() -> None:
    x = bp.Padded(jnp.arange(300.0).reshape(1, 300, 1), jnp.array([300]))
    for layer in (bp.MaxSteps(), bp.LastStep()):
        y, dx = both_ways(layer, x, np.ones((1, 1), np.float32))
        assert y == 299 and dx.x.argmax() == 299


def test_a_mean_in_bfloat16_is_summed_in_float32() -> None:
    assert both_ways(bp.MeanSteps(), jnp.ones((1, 600, 1), jnp.bfloat16), np.ones((1, 1)))[0] == 1


def test_what_is_saved() -> None:
    padded = bp.Padded(normal(B, T, D), LENGTHS)
    assert bp.residual_bytes(bp.MeanSteps(), padded) == 4 * B
    assert bp.residual_bytes(bp.MaxSteps(), padded) == B * D
    assert bp.residual_bytes(bp.LastStep(), padded) == B
    assert bp.residual_bytes(bp.LastStep(), padded.x) == bp.residual_bytes(bp.MeanSteps(), padded.x) == 0


@pytest.mark.parametrize("layer", POOLINGS.values(), ids=repr)
def test_input_that_is_none(layer: bp.Layer) -> None:
    with pytest.raises(ValueError, match="at least 2 axes"):
        layer.forward((), (), normal(3))
    with pytest.raises(ValueError, match="floating point"):
        layer.forward((), (), ids(2, 3, below=3))
    with pytest.raises(ValueError, match="that of sequence 1 is 6"):
        layer.forward((), (), bp.Padded(normal(2, 5, 1), np.array([1, 6])))
