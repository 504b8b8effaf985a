import jax
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
    assert max(row.against_jax_grad for row in rows) < 1e-5
    assert max(row.against_central_differences for row in rows) < 1e-6


def test_a_wrong_layer_shows_in_its_row_and_in_the_whole() -> None:
    wrong = bp.chain(bp.Dense(4), bp.with_backward(bp.Tanh(), doubled), bp.Dense(2))
    params, state = wrong.init(jax.random.key(0), normal(4, 5))
    rows = {row.path: row for row in cross_check(wrong, params, state, normal(4, 5))}
    assert rows["2"].against_jax_grad < 1e-5 and rows["0"].against_jax_grad < 1e-5
    assert rows[""].against_jax_grad == pytest.approx(1.0, abs=0.2)
