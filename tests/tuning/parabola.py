"""A training whose every step is known: the loss w² of one weight."""

import itertools

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import losses

ONES = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
OBJECTIVE = bp.supervised(bp.Dense(1, use_bias=False), losses.MeanSquaredError())


def batches():
    return itertools.repeat(ONES)


def first_weight(seed: int) -> float:
    params, _ = OBJECTIVE.init(jax.random.key(seed), ONES)
    return float(params["w"][0, 0])


def loss_after(rate: float, steps: int, seed: int = 0) -> float:
    """Descent by 2 w: w (1 - 2 rate)^steps, squared."""
    return (first_weight(seed) * (1 - 2 * rate) ** steps) ** 2
