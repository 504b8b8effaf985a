"""Transformers of PyTorch: a list of blocks, PyTorch's fused attention and AdamW."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.leaves import name_of
from benchmarks.torch_training import training
from benchmarks.transformers import LEARNING_RATE, WEIGHT_DECAY, Block
from benchmarks.workload import Task, TorchProgram

__all__ = ["Stack", "cross_entropy", "torch_training"]

ACTIVATIONS = {
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
}


class _Part(nn.Module):
    def __init__(self, block: Block, columns: Mapping[str, int], inner: int) -> None:
        super().__init__()
        self.block = block
        self.norm = nn.LayerNorm(block.width, block.epsilon) if block.norm_first else nn.Identity()
        for name, count in columns.items():
            self.add_module(name, nn.Linear(block.width, count))
        self.c_proj = nn.Linear(inner, block.width)

    def attend(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool, lengths: torch.Tensor | None
    ) -> torch.Tensor:
        heads = (part.unflatten(-1, (self.block.heads, -1)).transpose(1, 2) for part in (q, k, v))
        seen = None if lengths is None else torch.arange(k.shape[1]) < lengths[:, None, None, None]
        y = functional.scaled_dot_product_attention(*heads, attn_mask=seen, is_causal=causal)
        return self.c_proj(y.transpose(1, 2).flatten(2))


class SelfAttention(_Part):
    def __init__(self, block: Block) -> None:
        super().__init__(block, {"c_attn": 3 * block.width}, block.width)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        return self.attend(*self.c_attn(self.norm(x)).chunk(3, -1), self.block.causal, lengths)


class CrossAttention(_Part):
    def __init__(self, block: Block) -> None:
        super().__init__(block, {"c_q": block.width, "c_kv": 2 * block.width}, block.width)

    def forward(self, x: torch.Tensor, memory: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        return self.attend(self.c_q(self.norm(x)), *self.c_kv(memory).chunk(2, -1), False, lengths)


class FeedForward(_Part):
    def __init__(self, block: Block) -> None:
        super().__init__(block, {"c_fc": block.hidden}, block.hidden)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c_proj(ACTIVATIONS[self.block.activation](self.c_fc(self.norm(x))))


class TorchBlock(nn.Module):
    """`lengths` are those of the memory if there is one, else of x."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block
        for number, part in enumerate(block.parts, start=1):
            self.add_module(part, {"attn": SelfAttention, "cross": CrossAttention, "mlp": FeedForward}[part](block))
            if not block.norm_first:
                self.add_module(f"ln_{number}", nn.LayerNorm(block.width, block.epsilon))

    def forward(self, x: torch.Tensor, lengths: torch.Tensor | None, memory: torch.Tensor | None) -> torch.Tensor:
        for number, part in enumerate(self.block.parts, start=1):
            if part == "attn":
                y = self.attn(x, None if self.block.cross else lengths)
            elif part == "cross":
                y = self.cross(x, memory, lengths)
            else:
                y = self.mlp(x)
            x = x + y if self.block.norm_first else getattr(self, f"ln_{number}")(x + y)
        return x


class Stack(nn.ModuleList):
    def __init__(self, block: Block, layers: int) -> None:
        super().__init__(TorchBlock(block) for _ in range(layers))

    def forward(
        self, x: torch.Tensor, lengths: torch.Tensor | None = None, memory: torch.Tensor | None = None
    ) -> torch.Tensor:
        for block in self:
            x = block(x, lengths, memory)
        return x


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean over the targets that are not -1."""
    return functional.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=-1)


def torch_training(
    model: nn.Module, inputs: int, loss: Callable[..., torch.Tensor], compiled: bool, task: Task
) -> TorchProgram:
    """The first `inputs` arrays of the batch are the model's; `loss` takes what it makes of them, and the others."""
    places = [_place_of(name) for name, _ in model.named_parameters()]
    with torch.no_grad():
        for (name, number), parameter in zip(places, model.parameters(), strict=True):
            array = task.weights[name] if number is None else task.weights[name][number]
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(array.T if name.endswith("/w") else array)))
    batch = [torch.from_numpy(array).long() for array in task.batch]

    def value() -> torch.Tensor:
        return loss(model(*batch[:inputs]), *batch[inputs:])

    def by_name(gradient: list[torch.Tensor]) -> Mapping[str, torch.Tensor]:
        found: dict[str, Any] = {}
        for (name, number), leaf in zip(places, gradient, strict=True):
            leaf = leaf.T if name.endswith("/w") else leaf
            if number is None:
                found[name] = leaf
            else:
                found.setdefault(name, []).append(leaf)
        return {name: torch.stack(leaf) if isinstance(leaf, list) else leaf for name, leaf in found.items()}

    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    return training(model, torch.compile(value, dynamic=False) if compiled else value, optimizer, by_name, compiled)


def _place_of(path: str) -> tuple[str, int | None]:
    """The Task's name of a parameter, and its place in the stack."""
    parts = path.split(".")
    numbers = [int(part) for part in parts if part.isdigit()]
    return name_of("/".join(part for part in parts if not part.isdigit())), numbers[0] if numbers else None
