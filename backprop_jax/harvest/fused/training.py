"""What a fused step takes and gives, and its forward pass."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from backprop_jax.core.layer import PyTree
from backprop_jax.core.static import Static
from backprop_jax.harvest.fused.programs import New, assemble
from backprop_jax.harvest.fused.stages import Program

__all__ = ["FusedTraining", "forward_pass", "programs_of"]


class FusedTraining(NamedTuple):
    """All that a fused step changes; each stage's own in a list, first stage first."""

    params: list[PyTree]
    state: list[PyTree]
    optimizer_state: list[PyTree]
    square_norm: jax.Array  # of the gradient of the step before, 0 at first; 0 unless `PreviousNorm` asks for it
    programs: Static  # a tuple of `Program`, which together run all stages
    objective: Static


def programs_of(training: FusedTraining) -> list[tuple[Program, slice]]:
    """Each program, and where its stages stand in the lists."""
    found, begin = [], 0
    for program in training.programs.value:
        end = begin + len(program.views)
        found.append((program, slice(begin, end)))
        begin = end
    return found


def forward_pass(
    training: FusedTraining, x: PyTree, call: Callable[..., New]
) -> tuple[PyTree, list[PyTree], list[PyTree]]:
    """The output, the new state of each stage, and the residuals of each program, which `call(program, ...)` runs."""
    state, residuals = list(training.state), []
    for program, at in programs_of(training):
        given = training.params[at], state[at], x
        x, state[at], saved = assemble(call(program, *given), given)
        residuals.append(saved)
    return x, state, residuals
