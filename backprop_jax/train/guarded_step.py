"""Steps of which the first that goes wrong leaves everything as it found it."""

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import value_and_grad
from backprop_jax.data.augmentation import Augmentation
from backprop_jax.train.divergence import divergence
from backprop_jax.train.forgiveness import is_finite, is_kept, may_forgive
from backprop_jax.train.gradient_norms import gradient_norms
from backprop_jax.train.out_of_memory import explaining_memory
from backprop_jax.train.step import GradientTransform, Training, make_step, make_steps

__all__ = ["GuardedSteps"]

Outcome = tuple[jax.Array, dict[str, jax.Array]]


class GuardedSteps:
    """The steps of `make_step` one after another, or several in a call, with a look now and then at how they went.

    From the first step on whose loss or gradient is not finite nothing is changed: so at the next look the parameters
    and the state from before that step are there, without a copy of any, and its batch is still known. The optimizer's
    state is there too if it may forgive such a gradient; otherwise it is of no use any more, and not to guard it saves
    a twentieth of the time of a large step.
    """

    def __init__(
        self,
        objective: Layer,
        optimizer: GradientTransform,
        params: PyTree,
        differentiate: Callable[[Layer], Callable] = value_and_grad,
        augment: Augmentation | None = None,
        extra: Callable[..., dict[str, Any]] | None = None,
        replay: str | os.PathLike | None = None,
    ) -> None:
        self._objective, self._augment, self._replay = objective, augment, replay
        self._forgives = may_forgive(optimizer, params)
        self._step = make_step(objective, optimizer, gradient_norms, differentiate, augment, extra, self._forgives)
        self._steps = make_steps(self._step)
        self._healthy = jnp.asarray(True)
        # Of each call since the last look: the inputs of its steps, and of each whether all went well so far, and its
        # outcome; those of several steps are stacked.
        self._since: list[tuple[Sequence[tuple], jax.Array, Outcome]] = []

    @property
    def since_look(self) -> int:
        """How many steps were taken since the last look."""
        return sum(len(inputs) for inputs, _, _ in self._since)

    def __call__(self, training: Training, inputs: Sequence[tuple]) -> tuple[Training, Outcome]:
        """Steps, one for each of the inputs: `(training, (loss, norms of the layers' gradients))`, stacked if there are
        several, and not waited for. `training` is donated."""
        with explaining_memory(self._objective, training, inputs[0][0]):
            if len(inputs) == 1:
                training, (outcome, healthy) = self._step(training, *inputs[0], healthy=self._healthy)
                self._healthy = healthy
            else:
                stacked = jax.tree.map(_stack, *inputs)
                training, (outcome, healthy) = self._steps(training, *stacked, healthy=self._healthy)
                self._healthy = healthy[-1]
        self._since.append((inputs, healthy, outcome))
        return training, outcome

    def look(self, training: Training, taken: int) -> tuple[Training, list[Outcome]]:
        """The training and the outcomes of the steps since the last look, all of which went well, of `taken` in all.

        A gradient that is not finite is nothing wrong if the optimizer makes no such parameters of it and does not
        keep it, as `optim.apply_if_finite`: then the steps from there on are taken again, one at a time.

        Raises:   FloatingPointError that names the layer, if one went wrong.
        """
        with explaining_memory(self._objective, training, self._since[0][0][0][0] if self._since else ()):
            told = jax.block_until_ready([(healthy, outcome) for _, healthy, outcome in self._since])
        # Waited for as a whole and then read: on a CPU `jax.device_get` takes ten times as long for so many numbers.
        seen = jax.tree.map(np.asarray, told)
        since = [inputs for call, _, _ in self._since for inputs in call]
        steps = [
            step
            for (call, _, _), (healthy, outcome) in zip(self._since, seen, strict=True)
            for step in _unstacked(len(call), healthy, outcome)
        ]
        well = sum(healthy for healthy, _ in steps)  # those before the first that went wrong
        outcomes = [outcome for _, outcome in steps[:well]]
        first = taken - len(steps) + well + 1
        for number, inputs in enumerate(since[well:], first):
            healthy, outcome = steps[well]
            if number > first:  # what came after the first one that went wrong was not taken
                training, (outcome, healthy) = self._step(training, *inputs, healthy=jnp.asarray(True))
            if not healthy:
                may = self._forgives and math.isfinite(outcome[0])
                after = self._forgiven(training, inputs) if may else None
                if after is None:
                    raise self._error(training, inputs, number, float(outcome[0]))
                training = after
            outcomes.append(outcome)
        self._healthy, self._since = jnp.asarray(True), []
        return training, outcomes

    def _forgiven(self, training: Training, inputs: tuple) -> Training | None:
        """What the step makes of the training, or None if numbers in that are no longer finite."""
        after, _ = self._step(jax.tree.map(jnp.copy, training), *inputs)
        states = training.optimizer_state, after.optimizer_state
        return after if is_finite(after.params) and not is_kept(*states) else None

    def _error(self, training: Training, inputs: tuple, number: int, loss: float) -> FloatingPointError:
        batch = inputs[0]
        if self._augment is not None:
            batch = jax.jit(self._augment)(inputs[1], *batch)
        places = {"step": number, "loss": loss, "replay": self._replay}
        return divergence(self._objective, training.params, training.state, batch, **places)


def _stack(*leaves: Any) -> Any:
    return jnp.stack(leaves) if isinstance(leaves[0], jax.Array) else np.stack(leaves)


def _unstacked(count: int, healthy: Any, outcome: Outcome) -> list[tuple[bool, Outcome]]:
    """Of each step of a call whether all went well so far, and its outcome."""
    if count == 1:
        return [(bool(healthy), outcome)]
    return [(bool(healthy[step]), jax.tree.map(lambda leaf, at=step: leaf[at], outcome)) for step in range(count)]
