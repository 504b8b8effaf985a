"""The loss of forward-forward: the laws of a layer, and its value by the paper's equation in NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.harvest.local import ForwardForwardLoss
from backprop_jax.testing import check_layer

ODDS = np.random.default_rng(0).standard_normal((4, 3, 2)).astype(np.float32)
LABELS = np.array([2, 0, 1, 1])


def test_it_is_the_mean_over_the_wrong_labels_that_may_be_drawn() -> None:
    p = 1 / (1 + np.exp(-ODDS.astype(np.float64)))
    total = 0.0
    for example, right in enumerate(LABELS):
        wrong = [label for label in range(3) if label != right]
        for drawn in wrong:
            total -= np.sum(np.log(p[example, right]) + np.log(1 - p[example, drawn])) / len(wrong)
    value, _, _ = ForwardForwardLoss().forward((), (), (jnp.asarray(ODDS), jnp.asarray(LABELS)))
    np.testing.assert_allclose(value, total / 4, rtol=1e-5)
    one_layer, _, _ = ForwardForwardLoss().forward((), (), (jnp.asarray(ODDS[..., 0]), jnp.asarray(LABELS)))
    other, _, _ = ForwardForwardLoss().forward((), (), (jnp.asarray(ODDS[..., 1]), jnp.asarray(LABELS)))
    np.testing.assert_allclose(one_layer + other, value, rtol=1e-5)
    large, _, _ = ForwardForwardLoss().forward((), (), (jnp.array([[-1e4, 1e4]]), jnp.array([0])))
    np.testing.assert_allclose(large, 2e4)


def test_its_backward_keeps_the_laws() -> None:
    check_layer(ForwardForwardLoss(), (jnp.asarray(ODDS), jnp.asarray(LABELS)))


def test_shapes_that_do_not_fit_are_refused() -> None:
    for odds, labels in (((5, 3), (5, 1)), ((5, 1), (5,)), ((5, 3, 2, 1), (5,)), ((5, 3), (4,))):
        with pytest.raises(ValueError, match=r"needs log-odds \(B, V\) or \(B, V, L\) and labels \(B,\), not"):
            ForwardForwardLoss().forward((), (), (jnp.zeros(odds), jnp.zeros(labels, int)))


def test_labels_are_class_numbers() -> None:
    with pytest.raises(ValueError, match=r"labels of an integer dtype, not float32\[4\]"):
        ForwardForwardLoss().forward((), (), (jnp.asarray(ODDS), jnp.full(4, 0.5)))
    for label in (-1, 3):
        value, _, saved = ForwardForwardLoss().forward((), (), (jnp.asarray(ODDS), jnp.asarray([label, 0, 1, 1])))
        dodds = ForwardForwardLoss().backward((), saved, jnp.ones(()))[1][0]
        assert np.isnan(value) and np.isnan(dodds[0]).all() and np.isfinite(dodds[1:]).all()


def test_the_loss_is_at_least_float32() -> None:
    odds = jnp.asarray(ODDS, jnp.bfloat16)
    value, _, saved = ForwardForwardLoss().forward((), (), (odds, jnp.asarray(LABELS)))
    wanted, _, _ = ForwardForwardLoss().forward((), (), (odds.astype(jnp.float32), jnp.asarray(LABELS)))
    assert value.dtype == jnp.float32 and value == wanted
    assert ForwardForwardLoss().backward((), saved, jnp.ones(()))[1][0].dtype == jnp.bfloat16
