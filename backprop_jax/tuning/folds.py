"""How well a model does on examples it was not trained on, by training it several times on others."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.data import Examples
from backprop_jax.train.step import GradientTransform, Training
from backprop_jax.tuning.apart import OnProgress, train_apart
from backprop_jax.tuning.scores import Score, held_out_loss

__all__ = ["CrossValidation", "cross_validate", "folds_of"]


class CrossValidation(NamedTuple):
    """What a cross-validation found. Axes: F folds, K steps."""

    scores: np.ndarray  # (F,), each on the examples that its run was not trained on
    losses: np.ndarray  # (F, K), of the batches trained on
    trainings: Training  # with the axis F before all arrays
    held_out: tuple[np.ndarray, ...]  # F vectors: the numbers of the examples of each fold

    @property
    def mean(self) -> float:
        """The mean of the scores."""
        return float(self.scores.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean: the deviation of the scores by √F. The runs share examples, so that it is rather too small."""
        return float(self.scores.std(ddof=1) / np.sqrt(len(self.scores)))


def cross_validate(
    objective: Layer,
    optimizer: GradientTransform,
    examples: Examples,
    *,
    steps: int,
    batch_size: int,
    folds: int = 5,
    score: Callable[[Layer, PyTree], Score] = held_out_loss,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> CrossValidation:
    """Train a model on all but one part of the examples, for each of `folds` parts, all at once by `jax.vmap`.

    Every class has its share in every part, by at most one example more or less. All runs start from the same
    parameters, those of the key of `seed`, so that scores differ by the examples alone; each goes through its own in an
    order of its own. `score` is called with the objective and the held-out examples (x, y), as `held_out_loss` and
    `error_rate`. `on_progress(steps taken, steps in all, losses)` is told of every few steps. Memory is that of all the
    trainings together.

    Raises:   ValueError if there are fewer than two folds, or more than examples, no step is taken, or a batch is
              larger than what is left to train on.
    Source:   Kohavi, 1995, "A Study of Cross-Validation and Bootstrap for Accuracy Estimation and Model Selection".
    """
    held_out = folds_of(examples.y, folds, seed)
    everything = np.arange(len(examples))
    rest = [examples[np.setdiff1d(everything, rows)] for rows in held_out]
    orders = [folds * seed + fold for fold in range(folds)]
    given = {"steps": steps, "batch_size": batch_size, "on_progress": on_progress}
    runs, losses = train_apart(objective, optimizer, rest, [seed] * folds, orders, **given)
    return CrossValidation(_scores(objective, score, runs, examples, held_out), losses, runs, held_out)


def folds_of(labels: np.ndarray, folds: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """The numbers 0, ..., N - 1 in so many parts of nearly one size, of which each has its share of every label.

    What is no single label, as several targets of an example, (N, ...), is dealt out by chance alone.

    Raises:   ValueError if there are fewer than two folds, or more than labels.
    """
    if whole_number(folds, least=2) is None or folds > len(labels):
        raise ValueError(f"{len(labels)} examples make from 2 to {len(labels)} folds, not {folds!r}")
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    # Dealt out like cards that are sorted by label: what one label begins, the next goes on with.
    dealt = shuffled[np.argsort(labels[shuffled], kind="stable")] if labels.ndim == 1 else shuffled
    return tuple(np.sort(dealt[fold::folds]) for fold in range(folds))


def _scores(
    objective: Layer,
    score: Callable[[Layer, PyTree], Score],
    runs: Training,
    examples: Examples,
    held_out: tuple[np.ndarray, ...],
) -> np.ndarray:
    """Of each run on its own part; parts of one size at once, and there are two sizes at most."""
    sizes = np.array([len(rows) for rows in held_out])
    scores = np.zeros(len(sizes))
    for size in np.unique(sizes):
        alike = np.flatnonzero(sizes == size)
        rows = np.stack([held_out[fold] for fold in alike])
        params, state = jax.tree.map(lambda leaf, alike=alike: leaf[alike], runs[:2])
        scores[alike] = _score_each(objective, score, params, state, (examples.x[rows], examples.y[rows]))
    return scores


@partial(jax.jit, static_argnums=(0, 1))
def _score_each(
    objective: Layer, score: Callable[[Layer, PyTree], Score], params: PyTree, state: PyTree, batches: PyTree
) -> jax.Array:
    return jax.vmap(lambda params, state, batch: score(objective, batch)(params, state))(params, state, batches)
