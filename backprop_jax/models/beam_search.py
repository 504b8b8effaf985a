"""The likeliest text, looked for among several at once."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.core.whole_number import whole_number
from backprop_jax.models.step_by_step import prepare, read

__all__ = ["beam_search", "require_search", "search", "sequence_axes"]

Step = Callable[[PyTree, jax.Array], tuple[jax.Array, PyTree]]


def beam_search(
    model: Layer,
    params: PyTree,
    prompt: ArrayLike,
    steps: int,
    beams: int = 4,
    length_penalty: float = 0.6,
    end_token: int | None = None,
) -> tuple[jax.Array, jax.Array]:
    """How a language model most likely goes on after a prompt: the best of `beams` texts that are followed at once.

        score = log p(tokens | prompt) / ((5 + n) / 6)^length_penalty,   n the number of tokens

    Each step keeps the `beams` best of the texts that have ended, and of every other with each token behind it. A text
    ends with `end_token`, which counts, or after `steps` tokens. One compiled loop, which stops when no text can get
    better than the best that has ended. The model runs as in `generate`; one beam is its greedy choice.

    Shapes:   prompt (B, P) integer, P at least 1 -> tokens (B, steps) int32, with end_token behind the end, and their
              scores (B,) float32.
    Raises:   as `generate` for the model, the prompt and steps; ValueError if beams is not 1 or more, the penalty is
              negative or not finite, or end_token is not in the vocabulary.
    Source:   Wu et al., 2016, arXiv:1609.08144, eq. 14, without its coverage penalty.
    """
    model, prompt, size = prepare("beam_search", model, params, prompt, steps)
    require_search("beam_search", beams, length_penalty, end_token, size)
    return _beam_search(model, steps, beams, end_token, params, prompt, length_penalty)


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _beam_search(
    model: Layer,
    steps: int,
    beams: int,
    end_token: int | None,
    params: PyTree,
    prompt: jax.Array,
    length_penalty: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    def step(state: PyTree, tokens: jax.Array) -> tuple[jax.Array, PyTree]:
        logits, state, _ = model.forward(params, state, tokens[:, None])
        return logits[:, -1], state

    logits, state = read(model, params, prompt)
    axes = sequence_axes(lambda batch: model.init(jax.random.key(0), jnp.zeros((batch, 1), jnp.int32))[1])
    return search(step, logits, state, axes, steps, beams, end_token, length_penalty)


class Beams(NamedTuple):
    """K texts of each prompt, the best first."""

    tokens: jax.Array  # (B, K, steps): those not yet written are end_token, or 0
    logp: jax.Array  # (B, K): of the whole text
    length: jax.Array  # (B, K)
    score: jax.Array  # (B, K)
    ended: jax.Array  # (B, K) bool
    state: PyTree  # of the model, for B K sequences; what is of a prompt, whatever was written, is there once


def search(
    step: Step,
    logits: jax.Array,
    state: PyTree,
    axes: PyTree,
    steps: int,
    beams: int,
    end_token: int | None,
    length_penalty: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The best tokens (B, steps) and their scores (B,), from the logits (B, V) and the state after a prompt.

    `step(state, tokens (N,)) -> (logits (N, V), state)`, for N = B beams; `axes` is that of `sequence_axes`.
    """
    batch, size = logits.shape
    most = ((5.0 + steps) / 6) ** length_penalty

    def of_sequences(state: PyTree, rows: jax.Array) -> PyTree:
        def chosen(leaf: jax.Array, axis: Static) -> jax.Array:
            # Of one beam the rows are all there are, as they are.
            return leaf if axis.value is None or beams == 1 else jnp.take(leaf, rows, axis.value)

        return jax.tree.map(chosen, state, axes)

    def extended(texts: Beams, written: jax.Array, logits: jax.Array) -> Beams:
        logp = jax.nn.log_softmax(logits.reshape(batch, beams, size).astype(jnp.float32), -1)
        if end_token is not None:
            # What has ended goes on in one way, with the end once more, which changes nothing.
            same = jnp.where(jnp.arange(size) == end_token, 0.0, -jnp.inf)
            logp = jnp.where(texts.ended[..., None], same, logp)
        logp = texts.logp[..., None] + logp
        length = jnp.where(texts.ended, texts.length, written + 1)
        score, chosen = lax.top_k(
            (logp / _penalty(length, length_penalty)[..., None]).reshape(batch, beams * size), beams
        )
        parent, token = jnp.divmod(chosen, size)
        pick = partial(jnp.take_along_axis, indices=parent, axis=1)
        tokens = jnp.take_along_axis(texts.tokens, parent[..., None], 1).at[:, :, written].set(token)
        ended = pick(texts.ended) if end_token is None else pick(texts.ended) | (token == end_token)
        logp = jnp.take_along_axis(logp.reshape(batch, beams * size), chosen, 1)
        rows = (beams * jnp.arange(batch)[:, None] + parent).reshape(-1)
        return Beams(tokens, logp, pick(length), score, ended, of_sequences(texts.state, rows))

    def goes_on(loop: tuple[jax.Array, Beams]) -> jax.Array:
        written, texts = loop
        best = jnp.max(jnp.where(texts.ended, texts.score, -jnp.inf), 1, keepdims=True)
        return (written < steps) & jnp.any(~texts.ended & (texts.logp / most >= best))  # logp can only fall

    def next_step(loop: tuple[jax.Array, Beams]) -> tuple[jax.Array, Beams]:
        written, texts = loop
        logits, state = step(texts.state, texts.tokens[:, :, written - 1].reshape(-1))
        return written + 1, extended(texts._replace(state=state), written, logits)

    every = jnp.repeat(jnp.arange(batch), beams)
    texts = Beams(
        tokens=jnp.full((batch, beams, steps), 0 if end_token is None else end_token, jnp.int32),
        # One text so far, not one for each beam: the others have no chance.
        logp=jnp.broadcast_to(jnp.where(jnp.arange(beams) == 0, 0.0, -jnp.inf), (batch, beams)),
        length=jnp.zeros((batch, beams), jnp.int32),
        score=jnp.zeros((batch, beams)),
        ended=jnp.zeros((batch, beams), bool),
        state=of_sequences(state, every),
    )
    texts = extended(texts, jnp.zeros((), jnp.int32), logits[every])
    _, texts = lax.while_loop(goes_on, next_step, (jnp.ones((), jnp.int32), texts))
    return texts.tokens[:, 0], texts.score[:, 0]


def sequence_axes(state_of: Callable[[int], PyTree]) -> PyTree:
    """For each leaf of a state the axis that counts the sequences, or None: the one that changes with their number."""

    def axis(one: jax.ShapeDtypeStruct, two: jax.ShapeDtypeStruct) -> Static:
        lengths = enumerate(zip(one.shape, two.shape, strict=True))
        return Static(next((axis for axis, (few, many) in lengths if few != many), None))

    return jax.tree.map(axis, *(jax.eval_shape(partial(state_of, batch)) for batch in (1, 2)))


def require_search(caller: str, beams: int, length_penalty: float, end_token: int | None, size: int) -> None:
    """ValueError if one of them is out of its range."""
    if whole_number(beams, least=1) is None:
        raise ValueError(f"{caller} needs 1 beam or more, a whole number, not {beams!r}")
    if not 0 <= length_penalty < float("inf"):
        raise ValueError(f"{caller} needs a length_penalty of 0 or more, not {length_penalty}")
    if end_token is not None and (whole_number(end_token, least=0) is None or end_token >= size):
        raise ValueError(f"{caller} needs an end token of 0 to {size - 1}, or None, not {end_token!r}")


def _penalty(length: jax.Array, power: jax.Array) -> jax.Array:
    return ((5.0 + length) / 6) ** power
