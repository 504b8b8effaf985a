"""How good a classifier is on examples it is not trained on."""

from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.core.rewrite import eval_mode
from backprop_jax.data import Examples, batches

__all__ = ["Evaluation", "confusion_matrix", "evaluate"]


class Evaluation(NamedTuple):
    """What a model makes of N examples."""

    loss: float  # mean over the examples, in the units of the loss
    accuracy: float  # fraction of examples whose largest score is that of their class
    scores: np.ndarray  # (N, classes), the model's outputs


def evaluate(
    objective: Supervised, params: PyTree, state: PyTree, examples: Examples, batch_size: int = 1024
) -> Evaluation:
    """Loss, accuracy and scores of a classifier in eval mode; state is read, not changed.

    The objective's loss must be a mean over its batch.
    """
    score = partial(_score, eval_mode(objective.layer), objective.loss, params, state)
    losses, scores = [], []
    for batch in batches(examples, batch_size):
        loss, batch_scores = jax.device_get(score(batch))
        losses.append(loss * len(batch_scores))
        scores.append(batch_scores)
    scores = np.concatenate(scores)
    accuracy = np.mean(scores.argmax(-1) == examples.y)
    return Evaluation(float(np.sum(losses) / len(examples)), float(accuracy), scores)


@partial(jax.jit, static_argnums=(0, 1))
def _score(model: Layer, loss: Layer, params: PyTree, state: PyTree, batch: PyTree) -> tuple[jax.Array, jax.Array]:
    x, target = batch
    prediction, _, _ = model.forward(params, state, x)
    value, _, _ = loss.forward((), (), (prediction, target))
    return value, prediction


def confusion_matrix(actual: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """How often class i was taken for class j: shape (classes, classes), actual class by row, integers."""
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (actual, predicted), 1)
    return counts
