"""How well a language model foretells a text that it is not trained on."""

from functools import partial

import jax
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.core.rewrite import eval_mode
from backprop_jax.data import stream_batches

__all__ = ["new_state", "stream_loss", "window_loss"]

ROW = 8192  # tokens a row at least: each row begins knowing nothing, which must not weigh
MOST_ROWS = 32
STEPS = 256  # a call, so that a text of any length takes the memory of a short one
WINDOWS = 8  # side by side


def stream_loss(objective: Supervised, params: PyTree, tokens: np.ndarray) -> float:
    """The mean loss of a token given all before it, in eval mode, by a model that begins with a new state.

    The objective's loss must be a mean over the tokens. Texts of more than 16,384 tokens are read in rows of 8,192 or
    more side by side, each from a new state; fewer than 32 tokens at the end may be left out.

    Shapes:   tokens (N,) integer.
    Raises:   ValueError if there are fewer than two tokens, or they are no vector of integers.
    """
    tokens = np.asarray(tokens)
    rows = min(max(len(tokens) // ROW, 1), MOST_ROWS)
    # One batch that holds all steps, cut here, for stream_batches leaves out what fills no batch.
    ((inputs, targets),) = stream_batches(tokens, rows, max((len(tokens) - 1) // rows, 1))
    evaluated = eval_mode(objective)
    state, total = new_state(evaluated, jax.random.key(0), (inputs[:, :1], targets[:, :1])), 0.0
    for begin in range(0, inputs.shape[1], STEPS):
        batch = inputs[:, begin : begin + STEPS], targets[:, begin : begin + STEPS]
        loss, state = _forward(evaluated, params, state, batch)
        total += float(loss) * batch[0].shape[1]
    return total / inputs.shape[1]


def window_loss(objective: Layer, params: PyTree, tokens: np.ndarray, steps: int) -> float:
    """The mean loss of a token given those before it, in eval mode, by a model that sees `steps` tokens at a time.

    The objective takes (inputs, targets, weights) and gives a mean by these weights, as `models.LanguageModelLoss`. The
    windows overlap by half: each token counts once, and is foretold by half a window or more, but for those of the
    first.

    Shapes:   tokens (N,) integer.
    Raises:   ValueError if there are fewer than two tokens, they are no vector of integers, or steps is less than 1.
    """
    if steps < 1:
        raise ValueError(f"a window has 1 step or more, not {steps}")
    tokens = np.asarray(tokens)
    count = len(tokens) - 1
    ((inputs, targets),) = stream_batches(tokens, 1, max(count, 1))
    steps = min(steps, count)
    stride = steps - steps // 2
    ends = np.minimum(steps + stride * np.arange(1 + -(-(count - steps) // stride)), count)
    counted_before = np.concatenate([[0], ends[:-1]])
    evaluated, total = eval_mode(objective), 0.0
    for begin in range(0, len(ends), WINDOWS):
        chosen = ends[begin : begin + WINDOWS], counted_before[begin : begin + WINDOWS]
        # Rows without weight fill the last batch up, which would be compiled once more.
        last, before = (np.pad(part, (0, WINDOWS - len(part)), mode="edge") for part in chosen)
        places = last[:, None] + np.arange(-steps, 0)
        real = np.arange(WINDOWS) < len(chosen[0])
        weights = ((places >= before[:, None]) & real[:, None]).astype(np.float32)
        batch = inputs[0, places], targets[0, places], weights
        loss, _ = _forward(evaluated, params, new_state(evaluated, jax.random.key(0), batch), batch)
        total += float(loss) * weights.sum()
    return float(total / count)


@partial(jax.jit, static_argnums=0)
def new_state(objective: Layer, key: jax.Array, batch: PyTree) -> PyTree:
    """The state of a model that has read nothing, for batches like this one."""
    _, state = objective.init(key, batch)
    return state


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def _forward(objective: Layer, params: PyTree, state: PyTree, batch: PyTree) -> tuple[jax.Array, PyTree]:
    loss, state, _ = objective.forward(params, state, batch)
    return loss, state
