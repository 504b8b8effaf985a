"""GPT: a transformer of pre-norm blocks with tied embeddings, trained on the next token by AdamW.

Gates of speed are the products, so all contestants have them in the same number: queries, keys and values from one
matrix, GELU by tanh, causal attention with a fused kernel where the framework offers one. Names of weights: see
`benchmarks/transformers.py`; beside the blocks, "h", there are "embedding", "wpe" and "ln_f".
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.transformers import Block, block_flops, block_shapes, draw, norm, our_training
from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload

__all__ = ["SIZES", "WORKLOAD", "Size", "make_task", "objective_of"]

EPSILON = 1e-5


class Size(NamedTuple):
    layers: int
    features: int
    heads: int
    steps: int
    batch: int
    vocabulary: int

    def __str__(self) -> str:
        return (
            f"{self.layers} layers, {self.features} wide, {self.steps} steps, batch {self.batch}, "
            f"vocabulary {self.vocabulary:,}"
        )


SIZES = Size(6, 256, 4, 256, 8, 8192), Size(12, 768, 12, 512, 2, 50257)


def make_task(size: Size) -> Task:
    """Random weights and tokens."""
    random = np.random.default_rng(0)
    weights = draw(
        {
            "embedding/table": (size.vocabulary, size.features),
            "wpe/table": (size.steps, size.features),
            **block_shapes("h", _block(size.features, size.heads), size.layers),
            **norm("ln_f", size.features),
        },
        random,
    )
    tokens = random.integers(0, size.vocabulary, (size.batch, size.steps + 1)).astype(np.int32)
    return Task(weights, (tokens[:, :-1], tokens[:, 1:]), str(size.heads))


def _block(width: int, heads: int) -> Block:
    return Block(width, heads, 4 * width, "gelu_tanh", EPSILON, norm_first=True, causal=True)


def _flops(size: Size) -> int:
    """Of the products of a training step: 6 x tokens x (the blocks' weights + the table's), and attention."""
    tokens = size.batch * size.steps
    blocks = block_flops(_block(size.features, size.heads), size.layers, size.batch, size.steps)
    return blocks + 3 * 2 * tokens * size.features * size.vocabulary


def _sizes(task: Task) -> tuple[int, int, int, Block]:
    """Words, steps, layers, and what the blocks are."""
    vocabulary, width = task.weights["embedding/table"].shape
    layers = len(task.weights["h/attn/c_proj/b"])
    return vocabulary, len(task.weights["wpe/table"]), layers, _block(width, int(task.variant))


def _our_model(task: Task, recompute: str) -> Any:
    from backprop_jax import models

    vocabulary, steps, layers, block = _sizes(task)
    return models.gpt(vocabulary, steps, block.width, layers, block.heads, recompute=recompute)


def objective_of(task: Task, recompute: str) -> Any:
    """Ours."""
    import backprop_jax as bp
    from backprop_jax import models

    loss = bp.losses.LinearCrossEntropy(len(task.weights["embedding/table"]))
    return models.LanguageModelLoss(_our_model(task, recompute), loss)


def ours(recompute: str, task: Task) -> JaxProgram:
    import backprop_jax as bp

    return our_training(objective_of(task, recompute), task, bp.value_and_grad)


def jax_grad(task: Task) -> JaxProgram:
    import backprop_jax as bp
    from backprop_jax.train.step_time import autodiff_value_and_grad

    objective = bp.supervised(_our_model(task, "none"), bp.losses.CrossEntropy())
    return our_training(objective, task, autodiff_value_and_grad)


def flax_optax(policy: str | None, task: Task) -> JaxProgram:
    """Each block is under `jax.checkpoint` if a policy is named."""
    import flax.linen as nn
    import jax.numpy as jnp

    from benchmarks.flax_transformers import cross_entropy, flax_training, stack

    vocabulary, steps, layers, block = _sizes(task)

    class GPT(nn.Module):
        @nn.compact
        def __call__(self, tokens):
            embedding = nn.Embed(vocabulary, block.width, name="embedding")
            x = embedding(tokens) + nn.Embed(steps, block.width, name="wpe")(jnp.arange(tokens.shape[1]))
            x = stack("h", block, layers, x, policy=policy)
            return embedding.attend(nn.LayerNorm(EPSILON, name="ln_f")(x))

    return flax_training(GPT(), 1, cross_entropy, task)


def torch_program(compiled: bool, task: Task) -> TorchProgram:
    import torch
    from torch import nn
    from torch.nn import functional

    from benchmarks.torch_transformers import Stack, cross_entropy, torch_training

    vocabulary, steps, layers, block = _sizes(task)

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.wpe = nn.Embedding(vocabulary, block.width), nn.Embedding(steps, block.width)
            self.h = Stack(block, layers)
            self.ln_f = nn.LayerNorm(block.width, EPSILON)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            x = self.h(self.embedding(tokens) + self.wpe.weight[: tokens.shape[1]])
            return functional.linear(self.ln_f(x), self.embedding.weight)

    return torch_training(GPT(), 1, cross_entropy, compiled, task)


WORKLOAD = Workload(
    name="gpt",
    title="GPT, next token, AdamW, float32",
    cases={str(size): partial(make_task, size) for size in SIZES},
    flops={str(size): _flops(size) for size in SIZES},
    builders={
        "ours": partial(ours, "norms"),
        "ours_block": partial(ours, "block"),
        "jax_grad": jax_grad,
        "flax_optax": partial(flax_optax, None),
        "flax_optax_remat": partial(flax_optax, "dots_with_no_batch_dims_saveable"),
        "torch_eager": partial(torch_program, False),
        "torch_compile": partial(torch_program, True),
    },
)
