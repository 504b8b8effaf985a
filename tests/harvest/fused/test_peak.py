"""The memory that a step needs at once."""

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import losses, optim
from backprop_jax.harvest import TwoPasses, fused_update


def test_the_peak_is_that_of_parameters_residuals_and_one_stage() -> None:
    blocks = bp.chain(*[bp.chain(bp.Dense(64), bp.Tanh())] * 6)
    objective = bp.supervised(blocks, losses.MeanSquaredError())
    x = np.ones((2, 64), np.float32)
    step = fused_update(objective, optim.sgd(0.1), together=1)
    training = step.start(*objective.init(jax.random.key(0), (x, x)))
    weights = 6 * (64 * 64 + 64) * 4
    # One gradient of six and its product, where the step of the whole has all of them at some time.
    assert weights < step.peak_bytes(training, (x, x)) < weights * 9 / 6
    step(training, (x, x))


def test_a_pass_for_the_norm_counts_too() -> None:
    # The norm's backward pass is at the first layer's gradient while the residuals of all are there; no update is.
    objective = bp.supervised(bp.chain(bp.Dense(64), *[bp.Tanh()] * 8), losses.MeanSquaredError())
    batch = np.ones((64, 128), np.float32), np.ones((64, 64), np.float32)
    peaks = []
    for clip in (None, TwoPasses(1.0)):
        step = fused_update(objective, optim.sgd(0.1), clip, together=1)
        training = jax.eval_shape(lambda step=step: step.start(*objective.init(jax.random.key(0), batch)))
        peaks.append(step.peak_bytes(training, batch))
    assert peaks[1] > peaks[0] + 64 * 64 * 4
