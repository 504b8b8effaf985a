"""The optimizer's step inside the backward pass."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static
from backprop_jax.core.whole_number import whole_number
from backprop_jax.harvest.fused import programs
from backprop_jax.harvest.fused.clip import Clip, PreviousNorm, TwoPasses, factor, require_clip
from backprop_jax.harvest.fused.peak import peak_of_step
from backprop_jax.harvest.fused.programs import assemble
from backprop_jax.harvest.fused.showing import for_stages, require_separate, views
from backprop_jax.harvest.fused.stages import fold, in_programs, stages, unfold
from backprop_jax.harvest.fused.training import FusedTraining, forward_pass, programs_of

__all__ = ["FusedUpdate", "fused_update"]

PARAMS, STATE = attrgetter("params"), attrgetter("state")


def fused_update(objective: Layer, optimizer: Any, clip: Clip | None = None, together: int = 4) -> "FusedUpdate":
    """Training steps in which each layer is updated as soon as its gradient is there: the whole gradient never exists.

    The stages are the layers of the objective's chains and scans, one by one, and the parts of a model with a tied
    table, such as `models.gpt`'s; what is none of these is one stage. `together` neighbours are one program forward
    and one for backward and update, and equal programs are compiled once, so that the time to compile does not grow
    with depth. More together are faster and hold more.

    The optimizer must treat each parameter by itself, as `adamw` does: clipping by the global norm is `clip`. It is
    shown a stage's parameters alone, under their paths in the model and, if a scan's, with an axis of 1 in front. Only
    the text of the paths is the same, as `optim.matching` reads it: a tuple's entries are shown as a dict's.

    Raises:   ValueError if the optimizer's update of a parameter depends on others, its masks are trees, it needs
              the loss, max_norm is not above 0 or together less than 1; TypeError if clip is of another kind.
    """
    require_clip(clip)
    if whole_number(together, least=1) is None:
        raise ValueError(f"fused_update needs 1 layer or more together, a whole number, not {together!r}")
    require_separate(optimizer)
    return FusedUpdate(objective, optimizer, clip, together)


@dataclass(frozen=True)
class FusedUpdate:
    """What `fused_update` makes: call it as `step(training, batch) -> (training, loss)`.

    `start` makes a training of a model's parameters and state, `finish` makes these of a training. The buffers of the
    training that a step is given are donated.
    """

    objective: Layer
    optimizer: Any
    clip: Clip | None = None
    together: int = 4

    def start(self, params: PyTree, state: PyTree) -> FusedTraining:
        parts, states = self._unfold(params, PARAMS), self._unfold(state, STATE)
        jax.eval_shape(self.optimizer.init, params)  # raises what it has to say of the whole
        # Copies: the model's own parameters outlive the first step, which donates those of the training.
        own = [jax.tree.map(jnp.copy, part) for part in parts]
        row = list(stages(self.objective))
        shown = views(self._optimizer, row, own)
        begun = [programs.begin(self._optimizer, view, part) for view, part in zip(shown, own, strict=True)]
        row = [stage._replace(view=view) for stage, view in zip(row, shown, strict=True)]
        made = Static(tuple(in_programs(row, self.together)))
        return FusedTraining(own, states, begun, jnp.zeros(()), made, Static(self.objective))

    def finish(self, training: FusedTraining) -> tuple[PyTree, PyTree]:
        self._require_own(training)
        params = fold(self.objective, iter(training.params), PARAMS)
        state = fold(self.objective, iter(training.state), STATE)
        # Copies again, so that training may go on.
        return jax.tree.map(jnp.copy, (params, state))

    def __call__(self, training: FusedTraining, batch: PyTree) -> tuple[FusedTraining, jax.Array]:
        self._require_own(training)
        value, state, residuals = forward_pass(training, jax.tree.map(jnp.asarray, batch), programs.forward)
        if jnp.shape(value) != ():
            shape = jnp.shape(value)
            raise ValueError(f"fused_update needs an objective that gives a scalar; {self.objective} gives {shape}")
        dy, square_norm = jnp.ones_like(value), training.square_norm
        if isinstance(self.clip, TwoPasses):
            square_norm = _square_norm(training, residuals, dy)
        scale, squares = factor(self.clip, square_norm), []
        params, optimizer_state = list(training.params), list(training.optimizer_state)
        for program, at in reversed(programs_of(training)):
            # Residuals are taken out of the list, so that their memory is free when the program is done.
            given = params[at], optimizer_state[at], residuals.pop(), dy, scale
            params[at], optimizer_state[at], new, square = programs.backward_and_update(
                program, self._optimizer, self._tells_norm, *given
            )
            del given
            dy = assemble(new, dy)
            squares.append(square)
        told = _total(squares) if self._tells_norm else training.square_norm
        return FusedTraining(params, state, optimizer_state, told, training.programs, training.objective), value

    def peak_bytes(self, training: FusedTraining, batch: PyTree) -> int:
        """The most that a step holds at once, by XLA's own account: training, batch, residuals, a program's need.

        To set beside the arguments and temporaries of a whole step. Nothing runs.
        """
        self._require_own(training)
        batch = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, batch))
        return peak_of_step(training, batch, self._optimizer, self.clip)

    def _unfold(self, tree: PyTree, place: attrgetter) -> list[PyTree]:
        try:
            return unfold(self.objective, tree, place)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            kind = "parameters" if place is PARAMS else "state"
            structure = jax.tree.structure(tree)
            raise ValueError(f"fused_update: {structure} is not the {kind} of {self.objective}: {error!r}") from error

    def _require_own(self, training: FusedTraining) -> None:
        if training.objective.value != self.objective:
            raise ValueError(
                f"fused_update: the training was started for {training.objective.value}, not {self.objective}"
            )

    @cached_property
    def _optimizer(self) -> Any:
        return for_stages(self.optimizer)

    @property
    def _tells_norm(self) -> bool:
        return isinstance(self.clip, PreviousNorm)


def _square_norm(training: FusedTraining, residuals: list[PyTree], dy: PyTree) -> jax.Array:
    """Of the whole gradient, by a backward pass of its own."""
    squares = []
    for (program, at), saved in zip(reversed(programs_of(training)), reversed(residuals), strict=True):
        new, square = programs.backward_for_norm(program, training.params[at], saved, dy)
        dy = assemble(new, dy)
        squares.append(square)
    return _total(squares)


def _total(squares: Iterable[jax.Array]) -> jax.Array:
    return sum(squares, jnp.zeros(()))
