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
        self._since: list[
            tuple[tuple, jax.Array, Outcome]
        ] = []  # the last look: inputs, whether all went well, outcome

    @property
    def since_look(self) -> int:
        """How many steps were taken since the last look."""
        return len(self._since)

    def __call__(self, training: Training, inputs: tuple) -> tuple[Training, Outcome]:
        """Another step: `(training, (loss, norms of the layers' gradients))`, not waited for. `training` is donated."""
        batch, key = inputs if len(inputs) == 2 else (*inputs, None)
        training, (outcome, self._healthy) = self._step(training, batch, key, self._healthy)
        self._since.append((inputs, self._healthy, outcome))
        return training, outcome

    def look(self, training: Training, taken: int) -> tuple[Training, list[Outcome]]:
        """The training and the outcomes of the steps since the last look, all of which went well, of `taken` in all.

        A gradient that is not finite is nothing wrong if the optimizer makes no such parameters of it, as
        `optim.apply_if_finite` does: then the steps from there on are taken again.

        Raises:   FloatingPointError that names the layer, if one went wrong.
        """
        outcomes: list[Outcome] = []
        while not self._healthy:
            first = [bool(healthy) for _, healthy, _ in self._since].index(False)
            outcomes += [outcome for _, _, outcome in self._since[:first]]
            inputs, _, outcome = self._since[first]
            after = self._forgiven(training, inputs) if math.isfinite(outcome[0]) else None
            if after is None:
                number = taken - len(self._since) + first + 1
                raise self._error(training, inputs, number, float(outcome[0]))
            training, again = after, [inputs for inputs, _, _ in self._since[first + 1 :]]
            outcomes.append(outcome)
            self._healthy, self._since = jnp.asarray(True), []
            for inputs in again:
                training, _ = self(training, inputs)
        outcomes += [outcome for _, _, outcome in self._since]
        self._since = []
        return training, outcomes

    def _forgiven(self, training: Training, inputs: tuple) -> Training | None:
        """What the step makes of the training, or None if that has parameters that are not finite."""
        after, _ = self._step(jax.tree.map(jnp.copy, training), *inputs)
        return after if is_finite(after.params) else None

    def _error(self, training: Training, inputs: tuple, number: int, loss: float) -> FloatingPointError:
        batch = inputs[0]
        if self._augment is not None:
            batch = jax.jit(self._augment)(inputs[1], *batch)
        places = {"step": number, "loss": loss, "replay": self._replay}
        return divergence(self._objective, training.params, training.state, batch, **places)


def is_finite(tree: PyTree) -> bool:
    return all(np.isfinite(leaf).all() for leaf in map(np.asarray, jax.tree.leaves(tree)))
