"""A classification that is learned in a moment: four clouds of points in the plane, in images of 2x2 pixels."""

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax.data import Examples, ImageDataset, split
from backprop_jax.train import Training, start

CLASSES = 4
OBJECTIVE = bp.supervised(
    bp.chain(bp.Flatten(), bp.Dense(8), bp.GELU(), bp.Dropout(0.1), bp.Dense(CLASSES)), bp.losses.CrossEntropy()
)
OPTIMIZER = bp.optim.adam(0.03)
BATCH_SIZE = 8


def clouds() -> ImageDataset:
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(CLASSES), 50)
    centers = np.array([[0, 0, 1, 1], [0, 1, 0, 1], [1, 0, 1, 0], [1, 1, 0, 0]]) * 0.8
    points = centers[labels] + rng.normal(0, 0.15, (len(labels), 4))
    return split(Examples(points.reshape(-1, 2, 2), labels), tuple("abcd"), name="clouds")


def fresh(seed: int = 0) -> Training:
    train = clouds().train
    return start(OBJECTIVE, OPTIMIZER, jax.random.key(seed), (train.x[:BATCH_SIZE], train.y[:BATCH_SIZE]))
