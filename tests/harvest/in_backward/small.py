"""A small model of two parts, and its gradient."""

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.core.layer import Layer, PyTree

BODY = bp.chain(bp.Dense(5), bp.Tanh(), bp.Dense(4), bp.Tanh())
MODEL = bp.chain(body=BODY, head=bp.Dense(3))
RANDOM = np.random.default_rng(0)
BATCH = RANDOM.standard_normal((6, 4)).astype(np.float32), RANDOM.integers(0, 3, 6)


def gradient_of(model: Layer, params: PyTree, state: PyTree) -> PyTree:
    return jax.jit(bp.value_and_grad(bp.supervised(model, losses.CrossEntropy())))(params, state, BATCH)[1]
