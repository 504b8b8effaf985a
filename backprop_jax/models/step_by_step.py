"""A model of the next token in the form that writes: it goes on from what it has read, call by call."""

import dataclasses
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from backprop_jax.combinators.recurrent import Recurrent
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import eval_mode, layers_of, rewrite
from backprop_jax.core.static import Template
from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.text.token_check import check_tokens
from backprop_jax.layers import DotProductAttention, PositionEmbedding, SelfAttention, SinusoidalPositions
from backprop_jax.layers.attention.cross_attention import CrossAttention
from backprop_jax.models.steps_apart import BATCH, steps_apart

__all__ = ["prepare", "read", "require_steps", "step_by_step"]


def step_by_step(caller: str, model: Layer, steps: int) -> Layer:
    """The model in eval mode, its attention with a cache of so many steps; positions and recurrent layers go on too.

    Raises:   ValueError if a layer looks at what comes later, or has places for fewer steps.
    """
    # Attention by itself has no place to remember keys, and each step would see itself alone.
    homes = len(layers_of(model, SelfAttention)) + len(layers_of(model, CrossAttention))
    if len(layers_of(model, DotProductAttention)) != homes:
        raise ValueError(f"{caller} needs attention that remembers its keys: SelfAttention, not DotProductAttention")

    def rewritten(layer: Layer) -> Layer:
        if (isinstance(layer, Recurrent) and layer.reverse) or (
            isinstance(layer, SelfAttention) and not layer.attention.causal
        ):
            raise ValueError(f"{caller} needs a model that knows only what came before, not one with {layer}")
        if isinstance(layer, CrossAttention) and (
            layer.attention.causal or layer.attention.alibi or layer.attention.window is not None
        ):
            raise ValueError(f"{caller} needs cross-attention to which all steps are the first, not {layer}")
        if isinstance(layer, PositionEmbedding) and layer.num_embeddings < steps:
            raise ValueError(
                f"{caller} would read {steps} tokens, the prompt's and all written but the last, "
                f"but {layer} has places for {layer.num_embeddings}"
            )
        if isinstance(layer, SelfAttention):
            return dataclasses.replace(layer, cache=steps)
        if isinstance(layer, PositionEmbedding | SinusoidalPositions):
            return dataclasses.replace(layer, carry="state")
        if isinstance(layer, Recurrent) and layer.carry == "zero":
            return dataclasses.replace(layer, carry="state")
        return layer

    return rewrite(eval_mode(model), rewritten)


def read(model: Layer, params: PyTree, x: PyTree) -> tuple[jax.Array, PyTree]:
    """The logits (B, V) of what comes after a text, and the state, from a new one.

    To be jitted: `init` draws parameters too, which nobody looks at.
    """
    _, state = model.init(jax.random.key(0), x)
    logits, state, _ = model.forward(params, state, x)
    return logits[:, -1], state


def require_steps(caller: str, steps: int) -> None:
    """ValueError unless that many tokens can be written."""
    if whole_number(steps, least=1) is None:
        raise ValueError(f"{caller} needs to write 1 token or more, a whole number, not {steps!r}")


def prepare(caller: str, model: Layer, params: PyTree, prompt: ArrayLike, steps: int) -> tuple[Layer, jax.Array, int]:
    """The model step by step, the prompt, and V; ValueError or TypeError if they do not fit one another."""
    require_steps(caller, steps)
    shape = np.shape(prompt)
    if len(shape) != 2 or shape[1] == 0:
        raise ValueError(f"{caller} needs a prompt (B, P) of at least one token, not {list(shape)}")
    model = step_by_step(caller, model, shape[1] + steps - 1)
    size = _vocabulary(caller, model, Template.of(params))
    return model, jnp.asarray(check_tokens(np.asarray(prompt), size)), size


@lru_cache(maxsize=16)
def _vocabulary(caller: str, model: Layer, params: Template) -> int:
    """V, once for a model: to see that its layers keep steps apart takes as long as to trace it a few times."""
    apart = steps_apart(caller, model)

    def one_step(params: PyTree) -> jax.Array:
        token = jnp.zeros((BATCH, 1), jnp.int32)
        return apart.forward(params, model.init(jax.random.key(0), token)[1], token)[0]

    return jax.eval_shape(one_step, params.tree).shape[-1]
