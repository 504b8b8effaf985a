import math

import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax.testing import cross_check
from tests.catalogue import ids, normal


def doubled(layer, params, residuals, dy):
    dparams, dx = layer.backward(params, residuals, dy)
    return dparams, 2 * dx


model = bp.chain(bp.Dense(6), bp.scan(bp.skip(bp.Tanh()), 2), bp.Dropout(0.2), bp.Dense(3))
batch = (normal(4, 5), ids(4, below=3))


def test_one_row_a_layer_and_one_for_the_whole() -> None:
    objective = bp.supervised(model, bp.losses.CrossEntropy())
    params, state = objective.init(jax.random.key(0), batch)
    rows = cross_check(objective, params, state, batch)
    assert [row.path for row in rows] == ["0", "1", "1", "2", "3", "loss", ""]  # a scan's layer once a step
    assert rows[-1].layer == objective
    assert max(row.against_jax_grad for row in rows) < 1e-12
    assert max(row.against_central_differences for row in rows) < 1e-6


def test_a_wrong_layer_shows_in_its_row_and_in_the_whole() -> None:
    wrong = bp.chain(bp.Dense(4), bp.with_backward(bp.Tanh(), doubled), bp.Dense(2))
    params, state = wrong.init(jax.random.key(0), normal(4, 5))
    rows = {row.path: row for row in cross_check(wrong, params, state, normal(4, 5))}
    assert rows["2"].against_jax_grad < 1e-12 and rows["0"].against_jax_grad < 1e-12
    assert rows[""].against_jax_grad == pytest.approx(1.0, abs=0.2)


def test_a_gradient_that_is_zero_but_for_rounding_is_right() -> None:
    """A batch norm takes the mean off, and so a bias before it has no gradient."""
    normed = bp.chain(bp.Dense(6), bp.BatchNorm(), bp.Tanh(), bp.Dense(3))
    params, state = normed.init(jax.random.key(0), normal(8, 5))
    assert max(row.against_jax_grad for row in cross_check(normed, params, state, normal(8, 5))) < 1e-9


def test_a_small_leaf_is_checked_as_strictly_as_a_large_one() -> None:
    def half_bias(layer, params, residuals, dy):
        dparams, dx = layer.backward(params, residuals, dy)
        return dparams | {"b": dparams["b"] / 2}, dx

    wrong = bp.with_backward(bp.Dense(4), half_bias)
    x = 1e4 * normal(4, 5)
    params, state = wrong.init(jax.random.key(0), x)
    whole = cross_check(wrong, params, state, x)[-1]
    assert whole.against_jax_grad == pytest.approx(0.5)


def test_ties_in_the_data_do_not_look_like_mistakes() -> None:
    pooled = bp.chain(bp.Conv(2, (3, 3)), bp.ReLU(), bp.MaxPool((2, 2)))
    black = jnp.zeros((2, 6, 6, 1)).at[:, 2:4, 2:4].set(1.0)
    rows = cross_check(pooled, *pooled.init(jax.random.key(0), black), black)
    assert max(row.against_jax_grad for row in rows) < 1e-12
    assert max(row.against_central_differences for row in rows) < 1e-6


def test_nan_is_told() -> None:
    def no_number(layer, params, residuals, dy):
        dparams, dx = layer.backward(params, residuals, dy)
        return dparams, dx * float("nan")

    wrong = bp.with_backward(bp.Dense(4), no_number)
    params, state = wrong.init(jax.random.key(0), normal(4, 5))
    assert math.isnan(cross_check(wrong, params, state, normal(4, 5))[-1].against_jax_grad)
