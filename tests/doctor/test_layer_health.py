"""What one batch tells of each layer."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from backprop_jax import losses, optim
from backprop_jax.doctor import LayerHealth, checkup
from backprop_jax.train import Training, start

BLOCK = bp.chain(d=bp.Dense(4), t=bp.Tanh())
MODEL = bp.chain(f=bp.Flatten(), a=bp.Dense(4), r=bp.ReLU(), h=bp.scan(BLOCK, 2), drop=bp.Dropout(0.5), c=bp.Dense(3))
OBJECTIVE = bp.supervised(MODEL, losses.MeanSquaredError())
OPTIMIZER = optim.sgd(0.5)


@cache
def sick() -> tuple[Training, tuple[np.ndarray, np.ndarray], dict[str, LayerHealth]]:
    """The first two units of `r` are dead; the last of h[1] is saturated."""
    rng = np.random.default_rng(0)
    batch = rng.standard_normal((5, 2, 3)).astype(np.float32), rng.standard_normal((5, 3)).astype(np.float32)
    training = start(OBJECTIVE, OPTIMIZER, jax.random.key(0), batch)
    params = training.params
    params["a"]["b"] = jnp.array([-99.0, -99.0, 0.5, 0.5])
    params["h"]["d"]["b"] = params["h"]["d"]["b"].at[1, 3].set(9.0)
    training = training._replace(params=params)
    rows = checkup(OBJECTIVE, OPTIMIZER, training, batch, epoch=7)
    assert all(row.epoch == 7 for row in rows)
    return training, batch, {row.layer: row for row in rows}


def test_the_layers_come_in_the_order_in_which_they_run() -> None:
    assert list(sick()[2]) == ["f", "a", "r", "h/d[0]", "h/t[0]", "h/d[1]", "h/t[1]", "drop", "c"]


def test_parameters_gradients_and_updates_are_those_of_a_step() -> None:
    training, batch, rows = sick()
    _, gradient = bp.value_and_grad(OBJECTIVE)(training.params, training.state, batch)
    for layer, name, place in (("a", ("a",), ...), ("h/d[0]", ("h", "d"), 0), ("h/d[1]", ("h", "d"), 1)):
        own, slope = training.params, gradient
        for key in name:
            own, slope = own[key], slope[key]
        weight = np.sqrt(sum(float((leaf[place] ** 2).sum()) for leaf in jax.tree.leaves(own)))
        size = np.sqrt(sum(float((leaf[place] ** 2).sum()) for leaf in jax.tree.leaves(slope)))
        np.testing.assert_allclose(rows[layer][-3:], [weight, size, 0.5 * size], 1e-4)
        np.testing.assert_allclose(rows[layer].update_ratio, 0.5 * size / weight, 1e-4)


def test_activations_dead_units_and_flat_slopes_are_those_of_the_forward_pass() -> None:
    training, (x, _), rows = sick()
    params = jax.device_get(training.params)
    a = x.reshape(5, 6) @ params["a"]["w"] + params["a"]["b"]
    y = np.maximum(a, 0)
    np.testing.assert_allclose([rows["a"].activation, rows["r"].activation], [rms(a), rms(y)], 1e-4)
    assert rows["r"].dead == np.mean(~y.any(0)) >= 0.5
    for place in range(2):
        y = np.tanh(y @ params["h"]["d"]["w"][place] + params["h"]["d"]["b"][place])
        row = rows[f"h/t[{place}]"]
        np.testing.assert_allclose(row.activation, rms(y), 1e-4)
        np.testing.assert_allclose(row.saturated, np.mean(1 - y**2 < 0.05), 1e-4)
        assert row.dead == 0 and np.isnan(row.weight) and np.isnan(row.update_ratio)
    assert rows["h/t[1]"].saturated >= 0.25


def test_nothing_is_told_where_there_is_nothing() -> None:
    _, _, rows = sick()
    assert np.isnan(rows["f"][3:]).all()  # the cotangent of the data is not computed, and data may be 0
    assert np.isnan([rows["a"].dead, rows["a"].saturated, rows["r"].saturated]).all()


def test_the_training_is_left_as_it_is_and_needs_no_optimizer() -> None:
    training, batch, rows = sick()
    before = jax.tree.map(np.asarray, training.params)
    again = checkup(OBJECTIVE, None, training, batch)
    jax.tree.map(np.testing.assert_array_equal, before, training.params)
    assert all(np.isnan(row.update) for row in again)
    np.testing.assert_allclose([row.gradient for row in again], [row.gradient for row in rows.values()], 1e-5)


def rms(array: np.ndarray) -> float:
    return float(np.sqrt(np.mean(array.astype(np.float64) ** 2)))
