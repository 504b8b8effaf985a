"""The learning rates at which a model learns."""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.whole_number import whole_number
from backprop_jax.optim.inspection.changing import hyperparams, with_hyperparams
from backprop_jax.train.step import GradientTransform, Training, make_step, start
from backprop_jax.tuning.runs import in_calls, with_first

__all__ = ["RangeTest", "learning_rate_range"]

MEMORY = 0.9  # of the running mean by which the end is told
DIVERGED = 4.0  # times its smallest value
WIDTH = 0.02  # of the bell by which the losses are smoothed, of all steps
LEAST_FALL = 0.01  # of the first smoothed loss


class RangeTest(NamedTuple):
    """A loss for each learning rate, up to where it diverged."""

    learning_rates: np.ndarray  # (K,)
    losses: np.ndarray  # (K,), of the batches
    smoothed: np.ndarray  # (K,)
    suggestion: float  # the rate where the smoothed loss falls fastest over log(rate)


def learning_rate_range(
    objective: Layer,
    optimizer: GradientTransform,
    batches: Iterable[PyTree],
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 200,
    seed: int = 0,
) -> RangeTest:
    """Train while the learning rate grows from low to high by the same factor at each step, and look at the loss.

    The test ends where a running mean of the losses is not finite, or 4 times its smallest value so far. The
    suggestion is for a constant rate, or the largest of a schedule.

    Raises:   ValueError if not 0 < low < high, there are fewer than 10 steps, the optimizer has no learning_rate, there
              are too few batches, or the loss never falls: then it diverges at once, or low is too low.
    Source:   Smith, 2017, arXiv:1506.01186, section 3.3.
    """
    if not 0 < low < high < float("inf") or whole_number(steps, least=10) is None:
        raise ValueError(f"a range test needs 0 < low < high and 10 steps or more, not {low!r}, {high!r} and {steps!r}")
    if "learning_rate" not in hyperparams(optimizer):
        raise ValueError(f"{optimizer!r} has no learning_rate to test")
    first, stream = with_first(batches)
    training = start(objective, optimizer, jax.random.key(seed), first)
    rates = low * (high / low) ** (np.arange(steps) / (steps - 1))
    # The state holds the rate from the first step on, for its structure must not change.
    training = training._replace(optimizer_state=with_hyperparams(training.optimizer_state, learning_rate=rates[0]))
    losses: list[np.ndarray] = []
    for some in in_calls(stream, steps):
        taken = sum(map(len, losses))
        count = len(jax.tree.leaves(some)[0])
        training, loss = _advance(objective, optimizer, training, some, jnp.asarray(rates[taken : taken + count]))
        losses.append(np.asarray(loss))
        if not np.isfinite(loss).all():
            break
    return _judge(rates, np.concatenate(losses))


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def _advance(
    objective: Layer, optimizer: GradientTransform, training: Training, batches: PyTree, rates: jax.Array
) -> tuple[Training, jax.Array]:
    def one(training: Training, given: tuple[PyTree, jax.Array]) -> tuple[Training, jax.Array]:
        batch, rate = given
        state = with_hyperparams(training.optimizer_state, learning_rate=rate)
        return make_step(objective, optimizer)(training._replace(optimizer_state=state), batch)

    return lax.scan(one, training, (batches, rates))


def _judge(rates: np.ndarray, losses: np.ndarray) -> RangeTest:
    end = _end(losses)
    rates, losses = rates[:end], losses[:end]
    # Around each step, not before it: a trailing mean would lag behind, and suggest too large a rate.
    steps = np.arange(end)
    weights = np.exp(-0.5 * ((steps[:, None] - steps) / max(WIDTH * end, 1)) ** 2)
    smoothed = weights @ losses / weights.sum(1)
    if end < 2 or smoothed[0] - smoothed.min() < LEAST_FALL * abs(smoothed[0]):
        raise ValueError(
            f"the loss falls at no learning rate from {rates[0] if end else 0:.3g} to {rates[-1] if end else 0:.3g}, "
            f"over {end} steps: try others, or more steps"
        )
    slopes = np.gradient(smoothed, np.log(rates))
    return RangeTest(rates, losses, smoothed, float(rates[slopes.argmin()]))


def _end(losses: np.ndarray) -> int:
    """How many losses there are before the running mean of the latest diverges."""
    mean, smallest = 0.0, np.inf
    for step, loss in enumerate(losses):
        mean += (loss - mean) * max(1 - MEMORY, 1 / (step + 1))
        smallest = min(smallest, mean)
        if not np.isfinite(mean) or mean > DIVERGED * smallest > 0:
            return step
    return len(losses)
