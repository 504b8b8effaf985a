"""What a step costs beside the same step differentiated by jax.grad."""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.train.step import GradientTransform, Training, make_step

__all__ = ["StepTimes", "autodiff_value_and_grad", "step_times"]


class StepTimes(NamedTuple):
    """Median wall time of one training step, in seconds."""

    by_hand: float
    by_autodiff: float


def step_times(
    objective: Layer, optimizer: GradientTransform, training: Training, batch: PyTree, rounds: int = 15, steps: int = 20
) -> StepTimes:
    """Time the step with the hand-written backward and with `jax.grad` of the same forward, same optimizer.

    They take turns in changing order, `rounds` times `steps` steps each, so that what else the machine does burdens
    both alike; the first round, which compiles, is not counted. `training` is copied, not consumed.
    """
    batch = jax.device_put(batch)
    by_hand = make_step(objective, optimizer)
    by_autodiff = make_step(objective, optimizer, differentiate=autodiff_value_and_grad)
    contestants = [by_hand, by_autodiff]
    trainings = [jax.tree.map(jnp.copy, training) for _ in contestants]
    seconds: list[list[float]] = [[] for _ in contestants]
    for count in range(rounds + 1):
        for number in (0, 1) if count % 2 else (1, 0):
            begin = time.perf_counter()
            for _ in range(steps):
                trainings[number], loss = contestants[number](trainings[number], batch)
            jax.block_until_ready(loss)
            seconds[number].append((time.perf_counter() - begin) / steps)
    return StepTimes(*(statistics.median(measured[1:]) for measured in seconds))


def autodiff_value_and_grad(objective: Layer) -> Callable:
    """`value_and_grad` of the objective's forward by JAX: same arguments, same result, our backward not used."""

    def value(params: PyTree, state: PyTree, batch: PyTree) -> tuple[jax.Array, PyTree]:
        loss, new_state, _ = objective.forward(params, state, batch)
        return loss, new_state

    return jax.value_and_grad(value, has_aux=True)
