"""Text from a language model."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from backprop_jax.combinators.recurrent import Recurrent
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import eval_mode, rewrite
from backprop_jax.data.text.token_check import check_tokens

__all__ = ["generate"]


def generate(
    model: Layer, params: PyTree, prompt: jax.Array, steps: int, key: jax.Array, temperature: float = 1.0
) -> jax.Array:
    """What a recurrent language model writes after a prompt, each token drawn by its probability given all before it.

        token ~ softmax(logits / temperature)

    The model, from tokens (B, T) to logits (B, T, V), runs in eval mode and from a new state: it reads the prompt in
    one call, then each token that it wrote in another, by one compiled loop. Recurrent layers that begin with zeros in
    each call (carry="zero") are taken as those that go on (carry="state").

    Shapes:   prompt (B, P) integer, P at least 1 -> tokens (B, steps) int32.
    Units:    a temperature below 1 prefers what is likely; 0 takes the most likely token every time, and no key.
    Raises:   ValueError if the prompt is no (B, P), has an unknown token or none, steps is not 1 or more, the
              temperature is negative or not finite, or a recurrent layer runs in reverse; TypeError if the prompt is
              not of integers.
    """
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"generate needs to write 1 token or more, a whole number, not {steps!r}")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"generate needs a temperature of 0 or more, not {temperature}")
    if np.ndim(prompt) != 2 or np.shape(prompt)[1] == 0:
        raise ValueError(f"generate needs a prompt (B, P) of at least one token, not {list(np.shape(prompt))}")
    model = rewrite(eval_mode(model), _with_carry_in_state)
    logits = jax.eval_shape(lambda: _read(model, params, jnp.zeros((1, 1), jnp.int32))[0])
    prompt = jnp.asarray(check_tokens(np.asarray(prompt), logits.shape[-1]))
    return _generate(model, steps, params, prompt, key, temperature)


def _with_carry_in_state(layer: Layer) -> Layer:
    if not isinstance(layer, Recurrent):
        return layer
    if layer.reverse:
        raise ValueError(f"generate needs a model that knows only what came before, not one with {layer}")
    return dataclasses.replace(layer, carry="state") if layer.carry == "zero" else layer


@partial(jax.jit, static_argnums=(0, 1))
def _generate(
    model: Layer, steps: int, params: PyTree, prompt: jax.Array, key: jax.Array, temperature: jax.Array
) -> jax.Array:
    def draw(key: jax.Array, logits: jax.Array) -> jax.Array:
        logits = logits[:, -1].astype(jnp.float32)
        drawn = jax.random.categorical(key, logits / jnp.where(temperature == 0, 1, temperature))
        return jnp.where(temperature == 0, jnp.argmax(logits, -1), drawn).astype(jnp.int32)

    def step(loop: PyTree, key: jax.Array) -> tuple[PyTree, jax.Array]:
        token, state = loop
        logits, state, _ = model.forward(params, state, token[:, None])
        token = draw(key, logits)
        return (token, state), token

    keys = jax.random.split(key, steps)
    logits, state = _read(model, params, prompt)
    first = draw(keys[0], logits)
    _, others = lax.scan(step, (first, state), keys[1:])
    return jnp.concatenate([first[:, None], others.T], axis=1)


def _read(model: Layer, params: PyTree, prompt: jax.Array) -> tuple[jax.Array, PyTree]:
    """The logits and the state after a prompt, from a new state: `init` draws parameters too, which nobody looks at."""
    _, state = model.init(jax.random.key(0), prompt)
    logits, state, _ = model.forward(params, state, prompt)
    return logits, state
