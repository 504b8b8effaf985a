"""Try many hyper-parameters at once."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.train.step import GradientTransform, Training
from backprop_jax.tuning.runs import advance, begin, in_calls, with_first
from backprop_jax.tuning.scores import Score
from backprop_jax.tuning.space import Trial

__all__ = ["Sweep", "best_of", "ranking", "sweep"]


class Sweep(NamedTuple):
    """What a sweep found. Axes: N trials, S seeds, R rounds, K steps."""

    trials: tuple[Trial, ...]  # N
    scores: np.ndarray  # (N, S, R), the smaller the better; not finite where a run diverged
    losses: np.ndarray  # (N, S, K), of the batches trained on
    trainings: Training  # with the axes (N, S) before all arrays

    @property
    def ranking(self) -> np.ndarray:
        """The numbers of the trials, the best first: by the mean over the seeds of the last score."""
        return ranking(self.scores[:, :, -1].mean(1))

    @property
    def best(self) -> Trial:
        """The best trial. Raises: ValueError if all diverged."""
        return best_of(self.trials, self.scores[:, :, -1].mean(1))

    def training(self, trial: int, seed: int = 0) -> Training:
        """What the run of one trial and seed, by their numbers, learned."""
        return jax.tree.map(lambda leaf: leaf[trial, seed], self.trainings)


def sweep(
    objective: Layer,
    optimizer: GradientTransform,
    trials: Sequence[Trial],
    batches: Iterable[PyTree],
    score: Score,
    *,
    steps: int,
    seeds: Sequence[int] = (0,),
    rounds: int = 1,
    on_progress: Callable[[int, int, np.ndarray], None] | None = None,
) -> Sweep:
    """Train a model with each of the trials' hyper-parameters from each of the seeds, all at once by `jax.vmap`.

    A trial gives values to hyper-parameters of the optimizer by their names (see `optim.hyperparams`), which stand in
    its state, so that one compiled step serves all; what changes shapes, such as a width, is for `search`. All runs see
    the same batches in the same order. They are scored after each of `rounds` stretches of steps, of one length. A run
    that diverges does not touch the others. `on_progress(round, steps taken, losses)` is told of every few steps; the
    losses (N S,) are those of each run by the latest batch. Memory is that of all the trainings together.

    Raises:   ValueError if there are no trials or seeds, they do not set the same hyper-parameters or one that the
              optimizer does not have, rounds does not divide steps, or there are too few batches, or of several shapes.
    """
    if whole_number(rounds, least=1) is None or whole_number(steps, least=1) is None or steps % rounds:
        raise ValueError(f"a sweep needs steps that its rounds divide, not {steps!r} and {rounds!r}")
    if not seeds:
        raise ValueError("a sweep needs a seed")
    first, stream = with_first(batches)
    runs = begin(objective, optimizer, [trial for trial in trials for _ in seeds], [*seeds] * len(trials), first)
    measure = jax.jit(jax.vmap(score))
    scores, losses, taken = [], [], 0
    for number in range(rounds):
        for batches_of_call in in_calls(stream, steps // rounds):
            runs, loss = advance(objective, optimizer, runs, batches_of_call)
            losses.append(np.asarray(loss))
            taken += len(loss)
            if on_progress is not None:
                on_progress(number + 1, taken, losses[-1][-1])
        scores.append(np.asarray(measure(runs.params, runs.state)))
    form = len(trials), len(seeds)
    return Sweep(
        tuple(map(dict, trials)),
        np.stack(scores, -1).reshape(*form, rounds),
        np.concatenate(losses).T.reshape(*form, steps),
        jax.tree.map(lambda leaf: leaf.reshape(*form, *leaf.shape[1:]), runs),
    )


def best_of(trials: Sequence[Trial], scores: np.ndarray) -> Trial:
    """That of the smallest of the scores (N,). Raises: ValueError if none is finite."""
    if not np.isfinite(scores).any():
        raise ValueError(f"none of the {len(trials)} trials came to a finite score: try smaller learning rates")
    return trials[ranking(scores)[0]]


def ranking(scores: np.ndarray) -> np.ndarray:
    """The numbers of the scores (N,), the smallest first and what is not finite last."""
    return np.argsort(np.where(np.isfinite(scores), scores, np.inf), kind="stable")
