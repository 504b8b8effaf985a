"""BERT: a transformer of post-norm blocks, pre-trained by AdamW on hidden words and on whether texts follow.

All contestants form the logits of every step, or what stands for them, and leave out those that do not count in the
loss. Names of weights: see `benchmarks/transformers.py`; beside the blocks, "layers", there are those of the embeddings
("embedding", "types", "positions", "norm") and of the heads ("words", "b", "pooler", "follows").
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.transformers import Block, block_flops, block_shapes, dense, draw, norm, our_training
from benchmarks.workload import JaxProgram, Task, TorchProgram, Workload

__all__ = ["WORKLOAD", "Size", "make_task"]

EPSILON = 1e-12
HIDDEN_WORDS = 0.15


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


SIZE = Size(6, 256, 4, 128, 16, 8192)


def make_task(size: Size) -> Task:
    """Random weights, and pairs of texts of random tokens that fill their rows: tokens, types, targets, labels."""
    random = np.random.default_rng(0)
    width, shape = size.features, (size.batch, size.steps)
    weights = draw(
        {
            "embedding/table": (size.vocabulary, width),
            "types/table": (2, width),
            "positions/table": (size.steps, width),
            **norm("norm", width),
            **block_shapes("layers", _block(width, size.heads), size.layers),
            **dense("words/dense", width, width),
            **norm("words/norm", width),
            "b": (size.vocabulary,),
            **dense("pooler/dense", width, width),
            **dense("follows", width, 2),
        },
        random,
    )
    tokens, words = random.integers(0, size.vocabulary, (2, *shape))
    types = np.arange(size.steps) >= random.integers(1, size.steps, (size.batch, 1))
    targets = np.where(random.random(shape) < HIDDEN_WORDS, words, -1)
    targets[:, 0] = words[:, 0]  # so that some count, however small the batch
    batch = tokens, types, targets, random.integers(0, 2, size.batch)
    return Task(weights, tuple(array.astype(np.int32) for array in batch), str(size.heads))


def _block(width: int, heads: int) -> Block:
    return Block(width, heads, 4 * width, "gelu", EPSILON)


def _flops(size: Size) -> int:
    """Of the products of a training step: the blocks, what prepares words for the table, and the table, at all steps.

    Those of one step a text, which tell whether it follows, are a thousandth and left out.
    """
    tokens, width = size.batch * size.steps, size.features
    blocks = block_flops(_block(width, size.heads), size.layers, size.batch, size.steps)
    return blocks + 3 * 2 * tokens * (width * width + width * size.vocabulary)


def _sizes(task: Task) -> tuple[int, int, int, Block]:
    """Words, steps, layers, and what the blocks are."""
    vocabulary, width = task.weights["embedding/table"].shape
    layers = len(task.weights["layers/attn/c_proj/b"])
    return vocabulary, len(task.weights["positions/table"]), layers, _block(width, int(task.variant))


def _our_model(task: Task, recompute: str) -> Any:
    from backprop_jax.models.bert import bert
    from backprop_jax.models.bert_pretraining import bert_pretraining

    vocabulary, steps, layers, block = _sizes(task)
    return bert_pretraining(bert(vocabulary, steps, block.width, layers, block.heads, recompute=recompute))


def ours(recompute: str, task: Task) -> JaxProgram:
    import backprop_jax as bp
    from backprop_jax.models.bert_parts import BertInput
    from backprop_jax.models.bert_pretraining import BertPreTrainingLoss

    loss = bp.losses.LinearCrossEntropy(len(task.weights["b"]), use_bias=True, ignore_index=-1)
    objective = BertPreTrainingLoss(_our_model(task, recompute), loss)
    return our_training(
        objective, task, bp.value_and_grad, lambda batch: (BertInput(batch[0], batch[1]), batch[2], batch[3])
    )


def jax_grad(task: Task) -> JaxProgram:
    import backprop_jax as bp
    from backprop_jax.models.bert_parts import BertInput
    from backprop_jax.train.step_time import autodiff_value_and_grad

    def cross_entropy(logits, targets):
        return bp.losses.CrossEntropy(ignore_index=-1).forward((), (), (logits, targets))[0]

    def loss(pair):
        prediction, targets = pair
        return _loss(cross_entropy, prediction, *targets)

    objective = bp.supervised(_our_model(task, "none"), bp.from_function(loss))
    return our_training(
        objective, task, autodiff_value_and_grad, lambda batch: (BertInput(batch[0], batch[1]), batch[2:])
    )


def _loss(cross_entropy: Callable, logits: Any, targets: Any, labels: Any) -> Any:
    words, follows = logits
    return cross_entropy(words, targets) + cross_entropy(follows, labels)


def flax_optax(policy: str | None, task: Task) -> JaxProgram:
    """Each block is under `jax.checkpoint` if a policy is named."""
    import flax.linen as nn

    from benchmarks.flax_transformers import cross_entropy, flax_training, stack

    vocabulary, steps, layers, block = _sizes(task)

    class Words(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.gelu(nn.Dense(block.width, name="dense")(x), approximate=False)
            return nn.LayerNorm(EPSILON, name="norm")(x)

    class Pooler(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.tanh(nn.Dense(block.width, name="dense")(x[:, 0]))

    class Bert(nn.Module):
        @nn.compact
        def __call__(self, tokens, types):
            embedding = nn.Embed(vocabulary, block.width, name="embedding")
            x = embedding(tokens) + nn.Embed(2, block.width, name="types")(types)
            x = x + nn.Embed(steps, block.width, name="positions").embedding[: tokens.shape[1]]
            x = stack("layers", block, layers, nn.LayerNorm(EPSILON, name="norm")(x), policy=policy)
            words = embedding.attend(Words(name="words")(x)) + self.param("b", nn.initializers.zeros, (vocabulary,))
            return words, nn.Dense(2, name="follows")(Pooler(name="pooler")(x))

    return flax_training(Bert(), 2, partial(_loss, cross_entropy), task)


def torch_program(compiled: bool, task: Task) -> TorchProgram:
    import torch
    from torch import nn
    from torch.nn import functional

    from benchmarks.torch_transformers import Stack, cross_entropy, torch_training

    vocabulary, steps, layers, block = _sizes(task)
    width = block.width

    class Bert(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.types = nn.Embedding(vocabulary, width), nn.Embedding(2, width)
            self.positions, self.norm = nn.Embedding(steps, width), nn.LayerNorm(width, EPSILON)
            self.layers = Stack(block, layers)
            self.words = nn.ModuleDict({"dense": nn.Linear(width, width), "norm": nn.LayerNorm(width, EPSILON)})
            self.b = nn.Parameter(torch.zeros(vocabulary))
            self.pooler, self.follows = nn.ModuleDict({"dense": nn.Linear(width, width)}), nn.Linear(width, 2)

        def forward(self, tokens: torch.Tensor, types: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            x = self.embedding(tokens) + self.types(types) + self.positions.weight[: tokens.shape[1]]
            x = self.layers(self.norm(x))
            features = self.words["norm"](functional.gelu(self.words["dense"](x)))
            words = functional.linear(features, self.embedding.weight, self.b)
            return words, self.follows(torch.tanh(self.pooler["dense"](x[:, 0])))

    return torch_training(Bert(), 2, partial(_loss, cross_entropy), compiled, task)


WORKLOAD = Workload(
    name="bert",
    title="BERT, hidden words and following texts, AdamW, float32",
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
)
