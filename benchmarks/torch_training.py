"""The programs of PyTorch contestants: the same step around each one's own loss and optimizer."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from benchmarks.workload import TorchProgram

__all__ = ["training"]

Named = Callable[[Any], Mapping[str, torch.Tensor]]  # a list like model.parameters() -> its tensors by the Task's names


def training(
    model: torch.nn.Module,
    loss: Callable[[], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    named: Named,
    compiled: bool = False,
) -> TorchProgram:
    """Loss, backward, optimizer, and gradients freed."""
    changing = [*model.parameters(), *model.buffers()]
    initial = [tensor.detach().clone() for tensor in changing]

    def step() -> torch.Tensor:
        value = loss()
        value.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return value.detach()

    def gradients() -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        value = loss()
        value.backward()
        gradient = named([parameter.grad for parameter in model.parameters()])
        optimizer.zero_grad(set_to_none=True)
        return value.detach(), gradient

    @torch.no_grad()
    def reset() -> None:
        for tensor, value in zip(changing, initial, strict=True):
            tensor.copy_(value)
        # In place, for compiled code may hold on to the tensors. Zero is where moments, momenta and step counts start.
        for state in optimizer.state.values():
            for tensor in state.values():
                tensor.zero_()

    return TorchProgram(step, gradients, reset, compiled)
