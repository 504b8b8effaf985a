"""What flows through a model and back, told layer by layer while it trains."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.core.checks import require_layer
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import value_and_grad
from backprop_jax.core.whole_number import whole_number
from backprop_jax.harvest.diagnosis.flow import FlowStatistics
from backprop_jax.harvest.diagnosis.places import tapped_model

__all__ = ["LayerTaps", "Taps", "with_taps"]


@dataclass(frozen=True)
class Taps:
    """Where and when a model is tapped.

    Raises:   ValueError if `every` or `sample` is no whole number of 1 or more.
    """

    every: int = 1  # steps from one with taps to the next
    where: str = "*"  # a pattern of layers' paths, as of `optim.groups`: "body/h/*|body/ln_f"
    sample: int = 1024  # of how many numbers of an array its histogram tells

    def __post_init__(self) -> None:
        for name in ("every", "sample"):
            value = getattr(self, name)
            if whole_number(value, least=1) is None:
                raise ValueError(f"Taps needs {name} to be a whole number of 1 or more, not {value!r}")


class LayerTaps(NamedTuple):
    """What is told of one layer; in a `scan` each number has an axis of layers."""

    activation: FlowStatistics  # of the layer's output y
    cotangent: FlowStatistics  # of dy; of no values where none arrives, or none is needed: before the first parameters


def with_taps(objective: Layer, taps: Taps = Taps()) -> Callable[..., tuple[tuple[jax.Array, PyTree], PyTree, dict]]:
    """The function `(params, state, batch, step=0) -> ((value, new_state), gradient, {path: LayerTaps})`.

    `value_and_grad` of the objective, and beside it what is told of each layer: under jit, without calls to the host.
    The paths are those of `rewrite_with_path`. At steps that `every` does not divide all statistics are 0, and nothing
    is calculated for them.

    Tapped are the layers that hold no others, wherever combinators and models hand on what belongs to them. A recurrent
    loop, a reparameterized layer or attention is tapped as a whole; a loss and a table that a model looks up itself are
    not. `find_first_bad` sees these too.

    Raises:   ValueError if no layer's path matches `where`.
    """
    require_layer("with_taps", objective)

    def differentiated(
        params: PyTree, state: PyTree, batch: PyTree, step: jax.typing.ArrayLike = 0
    ) -> tuple[tuple[jax.Array, PyTree], PyTree, dict[str, LayerTaps]]:
        model, paths, of_params, of_state = tapped_model(objective, taps.where, taps.sample, batch)
        taken = None if taps.every == 1 else jnp.asarray(step) % taps.every == 0
        (value, state), gradient = value_and_grad(model)(
            of_params.filled(params, taken), of_state.filled(state, taken), batch
        )
        gradient, cotangents = of_params.emptied(gradient)
        state, activations = of_state.emptied(state)
        return (value, state), gradient, {path: LayerTaps(activations[path], cotangents[path]) for path in paths}

    return differentiated
