from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.oracles.attention import waves

SEGMENTS = np.array([[1, 1, 2, 2, 2, 0], [1, 2, 3, 3, 0, 0]], np.int32)
PLACES = np.array([[0, 1, 0, 1, 2, 0], [0, 0, 0, 1, 0, 1]])  # from where each segment begins
TABLE = {"table": normal(7, 3)}
X = normal(2, 6, 3)


def test_a_row_is_added_by_its_place() -> None:
    layer = bp.PositionEmbedding(7)
    y, _, residuals = layer.forward(TABLE, (), X)
    np.testing.assert_array_equal(y, X + TABLE["table"][:6])
    dy = normal(2, 6, 3, scale=2.0)
    dparams, dx = layer.backward(TABLE, residuals, dy)
    np.testing.assert_allclose(dparams["table"], np.concatenate([dy.sum(0), np.zeros((1, 3))]), atol=1e-6)
    np.testing.assert_array_equal(dx, dy)


def test_segments_begin_anew() -> None:
    layer, x = bp.PositionEmbedding(7), bp.Packed(X, SEGMENTS)
    y, _, residuals = layer.forward(TABLE, (), x)
    np.testing.assert_array_equal(y.x, X + TABLE["table"][PLACES])
    assert y.segments is SEGMENTS
    dy = normal(2, 6, 3, scale=2.0)
    dparams, _ = layer.backward(TABLE, residuals, bp.Packed(jnp.asarray(dy), None))
    dtable = np.zeros((7, 3))
    for place, step in zip(PLACES.reshape(-1), dy.reshape(-1, 3), strict=True):
        dtable[place] += step
    np.testing.assert_allclose(dparams["table"], dtable, atol=1e-6)
    waved = bp.SinusoidalPositions().forward((), (), x)[0]
    np.testing.assert_allclose(waved.x, X + waves(6, 3)[PLACES], atol=1e-6)


@pytest.mark.parametrize("width", [1, 3, 8])
def test_waves_are_those_of_the_paper(width: int) -> None:
    x = normal(2, 50, width)
    y, _, residuals = bp.SinusoidalPositions().forward((), (), x)
    np.testing.assert_allclose(y, x + waves(50, width), atol=1e-5)
    assert residuals == ()


@pytest.mark.parametrize(
    "layer", [bp.PositionEmbedding(7, carry="state"), bp.SinusoidalPositions(carry="state")], ids=repr
)
def test_a_carry_goes_on_where_the_call_before_ended(layer: bp.Layer) -> None:
    params = TABLE if isinstance(layer, bp.PositionEmbedding) else ()
    _, state = layer.init(jax.random.key(0), X)
    whole, _, _ = layer.forward(params, state, X)
    parts = []
    for first, last in ((0, 1), (1, 4), (4, 6)):
        y, state, _ = layer.forward(params, state, X[:, first:last])
        parts.append(y)
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, atol=1e-6)
    assert int(state) == 6


def test_padded_sequences_are_given_back_padded() -> None:
    lengths = np.array([6, 2], np.int32)
    y, _, _ = bp.PositionEmbedding(7).forward(TABLE, (), bp.Padded(X, lengths))
    assert isinstance(y, bp.Padded) and y.lengths is lengths
    np.testing.assert_array_equal(y.x, X + TABLE["table"][:6])


def test_a_place_behind_the_table_is_nan() -> None:
    y, _, _ = bp.PositionEmbedding(7, carry="state").forward(TABLE, jnp.int32(5), X[:, :3])
    assert np.isfinite(y[:, :2]).all() and np.isnan(y[:, 2]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bp.PositionEmbedding(0), "1 place or more, a whole number, not 0"),
        (lambda: bp.PositionEmbedding(2.0), "1 place or more, a whole number, not 2.0"),
        (lambda: bp.PositionEmbedding(2, "input"), "a carry of 'zero' or 'state', not 'input'"),
        (lambda: bp.SinusoidalPositions("input"), "a carry of 'zero' or 'state', not 'input'"),
    ],
)
def test_hyper_parameters_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


STATEFUL = bp.PositionEmbedding(7, carry="state")


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (bp.PositionEmbedding(7), np.zeros((2, 8, 3), np.float32), r"places for 7 steps of width 3.*\[2, 8, 3\]"),
        (bp.PositionEmbedding(7), np.zeros((2, 6, 4), np.float32), r"places for 7 steps of width 3.*\[2, 6, 4\]"),
        (bp.PositionEmbedding(7), np.zeros((2, 6), np.float32), r"at least 3 axes, not of shape \[2, 6\]"),
        (bp.SinusoidalPositions(), np.zeros((2, 6, 3, 1), np.float32), r"sequences \(B, T, D\), not \[2, 6, 3, 1\]"),
        (bp.SinusoidalPositions(), np.zeros((2, 6, 3), np.int32), r"floating point input, not int32\[2, 6, 3\]"),
        (bp.SinusoidalPositions(), bp.Packed(X, SEGMENTS[:, :5]), r"its x \[2, 6, 3\], not \[2, 5\]"),
        (
            bp.SinusoidalPositions(),
            bp.Packed(X, SEGMENTS.astype(np.float32)),
            "segments in Packed as integers, not float32",
        ),
        (STATEFUL, bp.Packed(X, SEGMENTS), "takes an array, not Packed"),
    ],
)
def test_bad_input(layer: Any, x: Any, message: str) -> None:
    state = jnp.int32(0) if layer == STATEFUL else ()
    with pytest.raises(ValueError, match=message):
        layer.forward(TABLE, state, x)
