import jax
import numpy as np

import backprop_jax as bp
from backprop_jax.train import step_times
from backprop_jax.train.step_time import autodiff_value_and_grad
from tests.train.tiny import BATCH_SIZE, OBJECTIVE, OPTIMIZER, clouds, fresh

TRAIN = clouds().train
BATCH = TRAIN.x[:BATCH_SIZE], TRAIN.y[:BATCH_SIZE]


def test_both_ways_are_timed_and_the_training_is_kept() -> None:
    training = fresh()
    times = step_times(OBJECTIVE, OPTIMIZER, training, BATCH, rounds=2, steps=2)
    assert times.by_hand > 0
    assert times.by_autodiff > 0
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(training))


def test_autodiff_is_another_way_to_the_same_gradient() -> None:
    params, state, _ = fresh()
    ours, theirs = (
        jax.jit(way(OBJECTIVE))(params, state, BATCH) for way in (bp.value_and_grad, autodiff_value_and_grad)
    )
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), (ours[0][0], ours[1]), (theirs[0][0], theirs[1])
    )
