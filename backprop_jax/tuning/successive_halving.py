"""Give up what does badly early, and go on with the rest."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.train.step import GradientTransform, Training
from backprop_jax.tuning.runs import advance, begin, in_calls, keep, with_first
from backprop_jax.tuning.scores import Score
from backprop_jax.tuning.space import Trial
from backprop_jax.tuning.sweep import best_of, ranking

__all__ = ["Halving", "Rung", "successive_halving"]


class Rung(NamedTuple):
    """The trials that got as far as this."""

    steps: int  # that each of them has taken
    trials: np.ndarray  # their numbers, the best first
    scores: np.ndarray  # in the same order


class Halving(NamedTuple):
    trials: tuple[Trial, ...]
    rungs: tuple[Rung, ...]
    training: Training  # of the best

    @property
    def best(self) -> Trial:
        """The best trial of the last rung. Raises: ValueError if it diverged."""
        last = self.rungs[-1]
        return best_of([self.trials[trial] for trial in last.trials], last.scores)


def successive_halving(
    objective: Layer,
    optimizer: GradientTransform,
    trials: Sequence[Trial],
    batches: Iterable[PyTree],
    score: Score,
    *,
    steps: int,
    eta: int = 3,
    seed: int = 0,
    on_rung: Callable[[Rung], None] | None = None,
) -> Halving:
    """Train all trials for some steps, keep the best 1 / eta of them, and train these on for eta times as many; and so
    on until there is one, which has then taken eta^r `steps`, r = ⌈log_eta N⌉.

    Every rung costs about as much as the first. Its runs go side by side, as in `sweep`, in one compiled step a rung.

    Raises:   ValueError as `sweep`, and if steps is less than 1 or eta less than 2.
    Source:   Jamieson & Talwalkar, 2016, arXiv:1502.07943.
    """
    if whole_number(steps, least=1) is None or whole_number(eta, least=2) is None:
        raise ValueError(f"successive halving needs steps of 1 or more and eta of 2 or more, not {steps!r} and {eta!r}")
    first, stream = with_first(batches)
    runs = begin(objective, optimizer, trials, [seed] * len(trials), first)
    measure = jax.jit(jax.vmap(score))
    alive, rungs, taken = np.arange(len(trials)), [], 0
    while True:
        for batches_of_call in in_calls(stream, steps * eta ** len(rungs) - taken):
            runs, _ = advance(objective, optimizer, runs, batches_of_call)
        taken = steps * eta ** len(rungs)
        scores = np.asarray(measure(runs.params, runs.state))
        order = ranking(scores)
        rungs.append(Rung(taken, alive[order], scores[order]))
        if on_rung is not None:
            on_rung(rungs[-1])
        kept = order[: math.ceil(len(alive) / eta)]
        alive, runs = alive[kept], keep(runs, kept)
        if len(rungs[-1].trials) == 1:
            return Halving(tuple(map(dict, trials)), tuple(rungs), jax.tree.map(lambda leaf: leaf[0], runs))
