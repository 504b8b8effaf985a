"""Transformers of flax.linen and optax: a scan over blocks, JAX's own attention."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from benchmarks.jax_training import stateless, training
from benchmarks.leaves import fill, named
from benchmarks.transformers import LEARNING_RATE, WEIGHT_DECAY, Block
from benchmarks.workload import JaxProgram, Task

__all__ = ["cross_entropy", "flax_training", "stack"]

ACTIVATIONS = {"gelu": lambda x: nn.gelu(x, approximate=False), "gelu_tanh": nn.gelu, "relu": nn.relu}


def _norm(block: Block, x: jax.Array) -> jax.Array:
    return nn.LayerNorm(block.epsilon, name="norm")(x) if block.norm_first else x


def _attend(
    block: Block, q: jax.Array, k: jax.Array, v: jax.Array, causal: bool, lengths: jax.Array | None
) -> jax.Array:
    heads = (part.reshape(*part.shape[:2], block.heads, -1) for part in (q, k, v))
    y = jax.nn.dot_product_attention(*heads, is_causal=causal, key_value_seq_lengths=lengths)
    return nn.Dense(block.width, name="c_proj")(y.reshape(q.shape))


class SelfAttention(nn.Module):
    block: Block

    @nn.compact
    def __call__(self, x, lengths):
        x = nn.Dense(3 * self.block.width, name="c_attn")(_norm(self.block, x))
        return _attend(self.block, *jnp.split(x, 3, -1), self.block.causal, lengths)


class CrossAttention(nn.Module):
    block: Block

    @nn.compact
    def __call__(self, x, memory, lengths):
        q = nn.Dense(self.block.width, name="c_q")(_norm(self.block, x))
        k, v = jnp.split(nn.Dense(2 * self.block.width, name="c_kv")(memory), 2, -1)
        return _attend(self.block, q, k, v, False, lengths)


class FeedForward(nn.Module):
    block: Block

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(self.block.hidden, name="c_fc")(_norm(self.block, x))
        return nn.Dense(self.block.width, name="c_proj")(ACTIVATIONS[self.block.activation](x))


class FlaxBlock(nn.Module):
    """`lengths` are those of the memory if there is one, else of x."""

    block: Block

    @nn.compact
    def __call__(self, x, lengths, memory):
        block = self.block
        for number, part in enumerate(block.parts, start=1):
            if part == "attn":
                y = SelfAttention(block, name=part)(x, None if block.cross else lengths)
            elif part == "cross":
                y = CrossAttention(block, name=part)(x, memory, lengths)
            else:
                y = FeedForward(block, name=part)(x)
            x = x + y if block.norm_first else nn.LayerNorm(block.epsilon, name=f"ln_{number}")(x + y)
        return x, None


def stack(
    name: str,
    block: Block,
    layers: int,
    x: jax.Array,
    lengths: jax.Array | None = None,
    memory: jax.Array | None = None,
    policy: str | None = None,
) -> jax.Array:
    """x through that many blocks, each under `jax.checkpoint` if a policy is named."""
    module = FlaxBlock if policy is None else nn.remat(FlaxBlock, policy=getattr(jax.checkpoint_policies, policy))
    options = {"variable_axes": {"params": 0}, "split_rngs": {"params": True}, "in_axes": nn.broadcast}
    return nn.scan(module, length=layers, **options)(block, name=name)(x, lengths, memory)[0]


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """The mean over the targets that are not -1."""
    counted = targets >= 0
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(targets, 0))
    return jnp.sum(losses, where=counted) / counted.sum()


def flax_training(model: nn.Module, inputs: int, loss: Callable[..., jax.Array], task: Task) -> JaxProgram:
    """The first `inputs` arrays of the batch are the model's; `loss` takes what it makes of them, and the others."""
    params = jax.eval_shape(lambda: model.init(jax.random.key(0), *task.batch[:inputs])["params"])

    def value(params: Any, batch: Any) -> jax.Array:
        return loss(model.apply({"params": params}, *batch[:inputs]), *batch[inputs:])

    optimizer = optax.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return training(stateless(value), optimizer, optax.apply_updates, fill(params, task.weights), named)
