"""Steps of which the first that goes wrong leaves everything as it found it."""

import math
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import value_and_grad
from backprop_jax.data.augmentation import Augmentation
from backprop_jax.train.divergence import divergence
from backprop_jax.train.gradient_norms import gradient_norms
from backprop_jax.train.step import GradientTransform, Training, make_step

__all__ = ["GuardedSteps", "is_finite"]

Outcome = tuple[jax.Array, dict[str, jax.Array]]


class GuardedSteps:
    """The steps of `make_step` one after another, with a look now and then at how they went.

    From the first step on whose loss or gradient is not finite nothing is changed: so at the next look the parameters
    and the state from before that step are there, without a copy of any, and its batch is still known.
    """

    def __init__(
        self,
        objective: Layer,
        optimizer: GradientTransform,
        differentiate: Callable[[Layer], Callable] = value_and_grad,
        augment: Augmentation | None = None,
        extra: Callable[..., dict[str, Any]] | None = None,
        replay: str | os.PathLike | None = None,
    ) -> None:
        self._objective, self._augment, self._replay = objective, augment, replay
        self._step = make_step(objective, optimizer, gradient_norms, differentiate, augment, extra)
        self._healthy = jnp.asarray(True)
        # Of each step since the last look: its inputs, whether all went well so far, and its outcome.
        self._since: list[tuple[tuple, jax.Array, Outcome]] = []

    @property
    def since_look(self) -> int:
        """How many steps were taken since the last look."""
        return len(self._since)

    def __call__(self, training: Training, inputs: tuple) -> tuple[Training, Outcome]:
        """Another step: `(training, (loss, norms of the layers' gradients))`, not waited for. `training` is donated."""
        training, (outcome, self._healthy) = self._step(training, *inputs, healthy=self._healthy)
        self._since.append((inputs, self._healthy, outcome))
        return training, outcome

    def look(self, training: Training, taken: int) -> tuple[Training, list[Outcome]]:
        """The training and the outcomes of the steps since the last look, all of which went well, of `taken` in all.

        A gradient that is not finite is nothing wrong if the optimizer makes no such parameters of it and does not
        keep it, as `optim.apply_if_finite`: then the steps from there on are taken again, one at a time.

        Raises:   FloatingPointError that names the layer, if one went wrong.
        """
        all_healthy = jnp.asarray(True)
        well = self._since if self._healthy else [step for step in self._since if step[1]]
        outcomes = [outcome for _, _, outcome in well]
        first = taken - len(self._since) + len(well) + 1
        for number, (inputs, healthy, outcome) in enumerate(self._since[len(well) :], first):
            if number > first:  # what came after the first one that went wrong was not taken
                training, (outcome, healthy) = self._step(training, *inputs, healthy=all_healthy)
            if not healthy:
                after = self._forgiven(training, inputs) if math.isfinite(outcome[0]) else None
                if after is None:
                    raise self._error(training, inputs, number, float(outcome[0]))
                training = after
            outcomes.append(outcome)
        self._healthy, self._since = all_healthy, []
        return training, outcomes

    def _forgiven(self, training: Training, inputs: tuple) -> Training | None:
        """What the step makes of the training, or None if numbers in that are no longer finite."""
        after, _ = self._step(jax.tree.map(jnp.copy, training), *inputs)
        states = training.optimizer_state, after.optimizer_state
        return after if is_finite(after.params) and not _is_hidden(*states) else None

    def _error(self, training: Training, inputs: tuple, number: int, loss: float) -> FloatingPointError:
        batch = inputs[0]
        if self._augment is not None:
            batch = jax.jit(self._augment)(inputs[1], *batch)
        places = {"step": number, "loss": loss, "replay": self._replay}
        return divergence(self._objective, training.params, training.state, batch, **places)


def _is_hidden(before: PyTree, after: PyTree) -> bool:
    """Whether the optimizer keeps numbers that are not finite, to use them later, and did not before.

    A single number may be what it measured, as the norm that `skip_large_updates` reports.
    """
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    kept = [pair for pair in pairs if pair[1].ndim and jnp.issubdtype(pair[1].dtype, jnp.inexact)]
    return any(is_finite(old) and not is_finite(new) for old, new in kept)


def is_finite(tree: PyTree) -> bool:
    return all(np.isfinite(leaf).all() for leaf in map(np.asarray, jax.tree.leaves(tree)))
