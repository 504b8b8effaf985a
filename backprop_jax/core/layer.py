"""The contract: a layer is a value with three pure functions."""

import abc
import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import jax
import numpy as np

__all__ = ["Layer", "OutputAgain", "PyTree", "call_that_makes", "output_like"]

PyTree = Any


@dataclass(frozen=True)
class Layer(abc.ABC):
    """A differentiable function whose derivative is written by hand.

    A layer is an immutable, hashable value: a frozen dataclass of hyper-parameters and sub-layers. It holds no arrays;
    parameters and state live outside, as plain pytrees, and the three methods are pure functions of them.

        params, state       = layer.init(key, x)
        y, state, residuals = layer.forward(params, state, x)
        dparams, dx         = layer.backward(params, residuals, dy)

    Laws, which `backprop_jax.testing.check_layer` checks:

    1. A cotangent mirrors its primal: `dparams` mirrors `params`, `dx` mirrors `x`, `dy` mirrors `y`. `None` stands for
       a leaf, or a whole subtree, whose cotangent is zero or does not exist (token ids, masks).
    2. `backward` is the adjoint of the derivative of `forward`, and linear in `dy`.
    3. `residuals` is a pytree of arrays and never holds a parameter: `backward` is handed `params`.
    4. Both functions are pure, and the new state has the structure of the old.

    A layer may have a fourth method: see `OutputAgain`.

    A layer `is_wiring` if its backward hands on, unopened, what its sub-layers' backwards give for their parameters.
    Then something else may stand there: see `backprop_jax.harvest`. A layer that opens some may name in `hands_on` the
    fields whose layers it treats so, and in `adds_up` those whose gradients it adds to others of the same parameter, as
    those of a tied table, which may be `ExampleGradients`. One that `mixes_examples` makes an example's output of other
    examples too.

    State is whatever changes without a gradient: running statistics, PRNG keys, caches. A layer is abstract or final:
    to change one method, wrap it.
    """

    is_wiring: ClassVar[bool] = False
    hands_on: ClassVar[tuple[str, ...]] = ()
    adds_up: ClassVar[tuple[str, ...]] = ()

    @property
    def mixes_examples(self) -> bool:
        return False

    def __init_subclass__(cls) -> None:
        # dataclass writes a repr of every field unless the class has one.
        cls.__repr__ = cls.__dict__.get("__repr__", call_that_makes)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        """Parameters and state for inputs like `x`, a pytree of arrays or of `jax.ShapeDtypeStruct`."""
        return (), ()

    @abc.abstractmethod
    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        """The output, the new state, and what `backward` needs beside the parameters."""

    @abc.abstractmethod
    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        """The cotangents of the parameters and of the input, given that of the output."""


@runtime_checkable
class OutputAgain(Protocol):
    """A layer whose output is a few operations on each element away from its residuals.

    In a chain the next layer then need not save it as its input.
    """

    def output_again(self, params: PyTree, residuals: PyTree) -> jax.Array: ...


def call_that_makes(value: Any) -> str:
    """The call that makes a dataclass value, arguments at their defaults left out: what layers print."""
    given = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    shown = {f.name: _text(given[f.name]) for f in dataclasses.fields(value) if given[f.name] != f.default}
    unnamed = ("layer", "children")
    arguments = [text if name in unnamed else f"{name}={text}" for name, text in shown.items()]
    return f"{type(value).__name__}({', '.join(arguments)})"


def _text(value: Any) -> str:
    # A function by its name: its repr is an address, which is another in every process.
    return value.name if isinstance(value, np.dtype) else getattr(value, "__name__", repr(value))


def output_like(layer: Layer, params: PyTree, state: PyTree, x: PyTree) -> PyTree:
    """Shapes and dtypes of the output, without computing it."""
    return jax.eval_shape(layer.forward, params, state, x)[0]
