"""The memory of a fused step, without running it."""

from math import prod
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import PyTree
from backprop_jax.core.static import Template
from backprop_jax.harvest.fused import programs
from backprop_jax.harvest.fused.clip import Clip, PreviousNorm, TwoPasses
from backprop_jax.harvest.fused.programs import assemble
from backprop_jax.harvest.fused.training import FusedTraining, forward_pass, programs_of

__all__ = ["peak_of_step"]


def peak_of_step(training: FusedTraining, batch: PyTree, optimizer: Any, clip: Clip | None) -> int:
    """The most of all programs: the training, the batch, what is saved so far, and what the program itself needs."""
    known: dict[Any, int] = {}
    peak = 0

    def run(function: Any, *arguments: Any, statics: int, held: PyTree) -> Any:
        nonlocal peak
        kind = function, arguments[:statics], Template.of(jax.eval_shape(lambda given: given, arguments[statics:]))
        if kind not in known:
            known[kind] = _needs(function.lower(*arguments))
        peak = max(peak, known[kind] + _bytes((training, batch, held, arguments[statics:])))
        return jax.eval_shape(lambda *given: function(*arguments[:statics], *given), *arguments[statics:])

    saved: list[PyTree] = []
    forward_all = lambda program, *given: run(programs.forward, program, *given, statics=1, held=saved)
    value, _, saved = forward_pass(training, batch, forward_all)
    dy = jax.eval_shape(jnp.ones_like, value)
    if isinstance(clip, TwoPasses):
        dx = dy
        for (program, at), own in reversed(list(zip(programs_of(training), saved, strict=True))):
            given = training.params[at], own, dx
            new, _ = run(programs.backward_for_norm, program, *given, statics=1, held=saved)
            dx = assemble(new, dx)
    factor = None if clip is None else training.square_norm
    for program, at in reversed(programs_of(training)):
        given = training.params[at], training.optimizer_state[at], saved[-1], dy, factor
        statics = program, optimizer, isinstance(clip, PreviousNorm)
        _, _, new, _ = run(programs.backward_and_update, *statics, *given, statics=3, held=saved)
        dy = assemble(new, dy)
        saved.pop()
    return peak


def _needs(lowered: jax.stages.Lowered) -> int:
    """The bytes beside the arguments."""
    memory = lowered.compile().memory_analysis()
    if memory is None:
        raise NotImplementedError(f"XLA tells no memory of programs on {jax.default_backend()}")
    return memory.temp_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes


def _bytes(tree: PyTree) -> int:
    """Of each array once."""
    return sum({id(leaf): prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree)}.values())
