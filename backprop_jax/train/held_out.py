"""How well a language model foretells a text that it is not trained on."""

from functools import partial

import jax
import numpy as np

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import Supervised
from backprop_jax.core.rewrite import eval_mode
from backprop_jax.data import stream_batches

__all__ = ["new_state", "stream_loss"]

ROW = 8192  # tokens a row at least: each row begins knowing nothing, which must not weigh
MOST_ROWS = 32
STEPS = 256  # a call, so that a text of any length takes the memory of a short one


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


@partial(jax.jit, static_argnums=0)
def new_state(objective: Layer, key: jax.Array, batch: PyTree) -> PyTree:
    """The state of a model that has read nothing, for batches like this one."""
    _, state = objective.init(key, batch)
    return state


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def _forward(objective: Layer, params: PyTree, state: PyTree, batch: PyTree) -> tuple[jax.Array, PyTree]:
    loss, state, _ = objective.forward(params, state, batch)
    return loss, state
