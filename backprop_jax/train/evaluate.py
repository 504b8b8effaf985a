"""How good a classifier is on examples it is not trained on."""

from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.data import Examples, batches
from backprop_jax.train.step import make_evaluation

__all__ = ["Evaluation", "evaluate"]


class Evaluation(NamedTuple):
    """What a model makes of N examples."""

    loss: float  # mean over the examples, in the units of the loss
    accuracy: float  # fraction of examples whose largest score is that of their class
    scores: np.ndarray  # (N, classes), the model's outputs


def evaluate(
    objective: Supervised, params: PyTree, state: PyTree, examples: Examples, batch_size: int | None = None
) -> Evaluation:
    """Loss, accuracy and scores of a classifier in eval mode; state is read, not changed.

    The objective's loss must be a mean over its batch. Without `batch_size` batches are of 1,024 examples, or fewer
    where these hold more than four million numbers, such as photographs.
    """
    if batch_size is None:
        batch_size = max(1, min(1024, 2**22 // max(1, examples.x[0].size)))
    predict = make_evaluation(objective.layer)
    losses, scores = [], []
    for x, target in batches(examples, batch_size):
        prediction = predict(params, state, x)
        loss, batch_scores = jax.device_get((_loss(objective.loss, prediction, target), prediction))
        losses.append(loss * len(batch_scores))
        scores.append(batch_scores)
    scores = np.concatenate(scores)
    accuracy = np.mean(scores.argmax(-1) == examples.y)
    return Evaluation(float(np.sum(losses) / len(examples)), float(accuracy), scores)


@partial(jax.jit, static_argnums=0)
def _loss(loss: Layer, prediction: PyTree, target: PyTree) -> jax.Array:
    value, _, _ = loss.forward((), (), (prediction, target))
    return value
