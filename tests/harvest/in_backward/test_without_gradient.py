"""Frozen layers learn nothing and cost nothing."""

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest import freeze
from tests.harvest.in_backward.small import BATCH, MODEL, gradient_of


def test_frozen_layers_have_no_gradient_and_cost_nothing(begun, gradient) -> None:
    frozen = freeze(MODEL, "body")
    found = gradient_of(frozen, *begun)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(found["body"]))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found["head"], gradient["head"])

    def products(model: bp.Layer) -> int:
        lowered = jax.jit(bp.value_and_grad(bp.supervised(model, losses.CrossEntropy()))).lower(*begun, BATCH)
        return (lowered.compile().as_text() or "").count(" dot(")

    # Each of the three products of the forward pass has two in the backward pass, but the first, whose x is data, and
    # biases one: of the frozen ones only the forward is left.
    assert products(MODEL) - products(frozen) >= 5
