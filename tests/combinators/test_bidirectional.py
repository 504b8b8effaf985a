from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal

B, T, D = 3, 4, 2
RNN = bp.recurrent(bp.RNNCell(3))
LENGTHS = jnp.array([4, 0, 2])


def test_the_second_layer_reads_each_sequence_turned_round() -> None:
    """Against the first layer's kind on sequences that are turned round by hand, each by its own length."""
    layer, x = bp.bidirectional(RNN), normal(B, T, D)
    params, state = layer.init(jax.random.key(0), bp.Padded(x, LENGTHS))
    assert set(params) == {"forward", "backward"}
    y, _, _ = layer.forward(params, state, bp.Padded(x, LENGTHS))
    for row, length in enumerate(LENGTHS.tolist()):
        real = x[row : row + 1, :length]
        expected = np.zeros((1, T, 6), np.float32)
        if length:
            expected[:, :length, :3] = RNN.forward(params["forward"], (), real)[0]
            expected[:, :length, 3:] = RNN.forward(params["backward"], (), real[:, ::-1])[0][:, ::-1]
        np.testing.assert_allclose(y.x[row : row + 1], expected, atol=1e-6)
    assert y.lengths is LENGTHS


def test_without_a_second_layer_each_recurrent_one_is_turned_round() -> None:
    stack = bp.chain(RNN, bp.Tanh(), bp.recurrent(bp.GRUCell(2), reverse=True))
    turned = bp.chain(replace(RNN, reverse=True), bp.Tanh(), bp.recurrent(bp.GRUCell(2)))
    assert bp.bidirectional(stack) == bp.bidirectional(stack, turned)


def test_each_layer_has_parameters_of_its_own() -> None:
    params, _ = bp.bidirectional(RNN).init(jax.random.key(0), normal(B, T, D))
    assert not np.allclose(params["forward"]["w"], params["backward"]["w"])


def test_carries_of_both_layers() -> None:
    """One of them has no cotangent, as where a decoder takes the state of one direction only."""
    one = replace(RNN, carry="input")
    layer, x, starts = bp.bidirectional(one), normal(B, T, D), (normal(B, 3), 2 * normal(B, 3))
    params, state = layer.init(jax.random.key(0), (x, starts))
    (y, lasts), _, residuals = layer.forward(params, state, (x, starts))
    np.testing.assert_allclose(lasts[0], y[:, -1, :3])
    np.testing.assert_allclose(lasts[1], y[:, 0, 3:])
    dlast = normal(B, 3)
    dparams, (dx, dstarts) = layer.backward(params, residuals, (None, (None, dlast)))
    back = replace(one, reverse=True)
    _, _, residuals = back.forward(params["backward"], (), (x, starts[1]))
    expected, (dx_expected, dstart_expected) = back.backward(params["backward"], residuals, (None, dlast))
    jax.tree.map(
        np.testing.assert_allclose,
        (dparams["backward"], dx, dstarts[1]),
        (expected, dx_expected, dstart_expected),
    )
    # Zeros or None: nothing arrives at the other direction.
    assert not any(np.any(leaf) for leaf in jax.tree.leaves((dparams["forward"], dstarts[0])))


def test_the_summary_of_layers_that_take_carries() -> None:
    cell = bp.LSTMCell(3)
    one, starts = bp.recurrent(cell, carry="input"), (bp.LSTMCarry(normal(B, 3), normal(B, 3)),) * 2
    for x in (normal(B, T, D), bp.Padded(normal(B, T, D), LENGTHS)):
        summary = bp.summarize(bp.bidirectional(one), (x, starts))
        lines = [(row.path, row.layer) for row in summary.layers]
        assert lines[:2] == [("forward", one), ("backward", replace(one, reverse=True))]
        assert summary.parameters == 2 * 12 * (D + 3 + 1)


def test_layers_that_do_not_fit_each_other() -> None:
    with pytest.raises(ValueError, match="carry='input' in both layers or in none"):
        bp.bidirectional(RNN, replace(RNN, carry="input", reverse=True))
    with pytest.raises(ValueError, match="which a stream has not yet"):
        bp.bidirectional(replace(RNN, carry="state"))
    with pytest.raises(ValueError, match="which a stream has not yet"):
        bp.bidirectional(bp.chain(replace(RNN, carry="state"), bp.Tanh()))
    with pytest.raises(ValueError, match=r"has no carry for a layer with carry='input' inside Chain\("):
        bp.bidirectional(bp.chain(replace(RNN, carry="input")))
    with pytest.raises(ValueError, match=r"finds no recurrent layer in Dense\(features=3\) to turn round"):
        bp.bidirectional(bp.Dense(3))
    with pytest.raises(TypeError, match="bidirectional takes layers"):
        bp.bidirectional(jnp.tanh)  # type: ignore[arg-type]
    layer = bp.bidirectional(RNN, bp.chain(replace(RNN, reverse=True), bp.select(0)))
    x = bp.Padded(normal(B, T, D), LENGTHS)
    params, state = layer.init(jax.random.key(0), x)
    with pytest.raises(ValueError, match="Padded from both layers or from none"):
        layer.forward(params, state, x)


@pytest.mark.parametrize(
    ("x", "message"),
    [(normal(B, T, D), "a tuple of 2 inputs"), ((normal(B, T, D), normal(B, 3)), "a tuple of 2 inputs")],
)
def test_carries_that_are_missing(x: Any, message: str) -> None:
    layer = bp.bidirectional(replace(RNN, carry="input"))
    with pytest.raises(ValueError, match=message):
        layer.init(jax.random.key(0), x)
