"""The first transformer: an encoder and a decoder of post-norm blocks, trained to translate by AdamW.

One table serves both languages and the last projection; label smoothing and dropout are 0. Names of weights: see
`benchmarks/transformers.py`; the blocks are "encoder" and "decoder", and beside them there is "embedding".
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.transformers import Block, block_flops, block_shapes, draw, our_training, waves
from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload

__all__ = ["WORKLOAD", "Size", "make_task"]

# Of millions of inputs of ReLU a few are within rounding of zero, where correct programs disagree on the derivative.
# In float32 flax is 1.1e-4 from float64 in one layer behind a ReLU; in float64 it is 4e-7 from ours in all.
KINK_TOLERANCE = 1e-3


class Size(NamedTuple):
    layers: int  # of the encoder, and of the decoder
    features: int
    heads: int
    hidden: int
    steps: int  # of the source, and of the translation
    batch: int
    vocabulary: int

    def __str__(self) -> str:
        return (
            f"{self.layers}+{self.layers} layers, {self.features} wide, {self.steps} steps, batch {self.batch}, "
            f"vocabulary {self.vocabulary:,}"
        )


SIZE = Size(3, 256, 4, 1024, 64, 32, 8192)


def make_task(size: Size) -> Task:
    """Random weights and tokens; sources and translations fill half of their rows or more."""
    random = np.random.default_rng(0)
    encoder, decoder = _blocks(size.features, size.heads, size.hidden)
    weights = draw(
        {
            "embedding/table": (size.vocabulary, size.features),
            **block_shapes("encoder", encoder, size.layers),
            **block_shapes("decoder", decoder, size.layers),
        },
        random,
    )
    source, inputs, targets = random.integers(0, size.vocabulary, (3, size.batch, size.steps))
    lengths, count = random.integers(size.steps // 2, size.steps + 1, (2, size.batch))
    targets = np.where(np.arange(size.steps) < count[:, None], targets, -1)
    batch = source, lengths, inputs, targets
    return Task(weights, tuple(array.astype(np.int32) for array in batch), str(size.heads))


def _blocks(width: int, heads: int, hidden: int) -> tuple[Block, Block]:
    block = Block(width, heads, hidden, "relu", 1e-5)
    return block, block._replace(causal=True, cross=True)


def _flops(size: Size) -> int:
    """Of the products of a training step: both stacks, and the table; padding counts, for all calculate with it."""
    encoder, decoder = _blocks(size.features, size.heads, size.hidden)
    blocks = block_flops(encoder, size.layers, size.batch, size.steps)
    blocks += block_flops(decoder, size.layers, size.batch, size.steps, memory=size.steps)
    return blocks + 3 * 2 * size.batch * size.steps * size.features * size.vocabulary


def _sizes(task: Task) -> tuple[int, int, tuple[Block, Block]]:
    """Words, layers, and what the blocks of encoder and decoder are."""
    layers, hidden, width = task.weights["encoder/mlp/c_proj/w"].shape
    return len(task.weights["embedding/table"]), layers, _blocks(width, int(task.variant), hidden)


def _our_model(task: Task, recompute: str) -> Any:
    from backprop_jax import models

    vocabulary, layers, (block, _) = _sizes(task)
    return models.transformer(
        vocabulary,
        features=block.width,
        hidden=block.hidden,
        layers=layers,
        num_heads=block.heads,
        rate=0.0,
        recompute=recompute,
    )


def ours(recompute: str, task: Task) -> JaxProgram:
    import backprop_jax as bp
    from backprop_jax import models

    loss = bp.losses.LinearCrossEntropy(len(task.weights["embedding/table"]), ignore_index=-1)
    return our_training(models.EncoderDecoderLoss(_our_model(task, recompute), loss), task, bp.value_and_grad)


def jax_grad(task: Task) -> JaxProgram:
    import backprop_jax as bp
    from backprop_jax.train.step_time import autodiff_value_and_grad

    objective = bp.supervised(_our_model(task, "none"), bp.losses.CrossEntropy(ignore_index=-1))
    return our_training(objective, task, autodiff_value_and_grad, lambda batch: (batch[:3], batch[3]))


def flax_optax(policy: str | None, task: Task) -> JaxProgram:
    """Each block is under `jax.checkpoint` if a policy is named."""
    import flax.linen as nn

    from benchmarks.flax_transformers import cross_entropy, flax_training, stack

    vocabulary, layers, (encoder, decoder) = _sizes(task)
    width = encoder.width

    class Transformer(nn.Module):
        @nn.compact
        def __call__(self, source, lengths, inputs):
            embedding = nn.Embed(vocabulary, width, name="embedding")
            x, y = (embedding(tokens) * width**0.5 + waves(tokens.shape[1], width) for tokens in (source, inputs))
            memory = stack("encoder", encoder, layers, x, lengths, policy=policy)
            return embedding.attend(stack("decoder", decoder, layers, y, lengths, memory, policy))

    return flax_training(Transformer(), 3, cross_entropy, task)


def torch_program(compiled: bool, task: Task) -> TorchProgram:
    import torch
    from torch import nn
    from torch.nn import functional

    from benchmarks.torch_transformers import Stack, cross_entropy, torch_training

    vocabulary, layers, (encoder, decoder) = _sizes(task)
    width = encoder.width
    source, _, inputs, _ = task.batch
    of_source, of_inputs = (torch.from_numpy(waves(tokens.shape[1], width)) for tokens in (source, inputs))

    class Transformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, width)
            self.encoder, self.decoder = Stack(encoder, layers), Stack(decoder, layers)

        def forward(self, source: torch.Tensor, lengths: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
            memory = self.encoder(self.embedding(source) * width**0.5 + of_source, lengths)
            y = self.decoder(self.embedding(inputs) * width**0.5 + of_inputs, lengths, memory)
            return functional.linear(y, self.embedding.weight)

    return torch_training(Transformer(), 3, cross_entropy, compiled, task)


WORKLOAD = Workload(
    name="translation",
    title="Transformer, translation, AdamW, float32",
    cases={str(SIZE): partial(make_task, SIZE)},
    flops={str(SIZE): _flops(SIZE)},
    builders={
        "ours": partial(ours, "norms"),
        "ours_block": partial(ours, "block"),
        "jax_grad": jax_grad,
        "flax_optax": partial(flax_optax, None),
        "flax_optax_remat": partial(flax_optax, "dots_with_no_batch_dims_saveable"),
        "torch_eager": partial(torch_program, False),
        "torch_compile": partial(torch_program, True),
    },
    gradient_tolerance=KINK_TOLERANCE,
)
