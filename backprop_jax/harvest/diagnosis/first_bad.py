"""Which layer was the first to make a number that is not finite, and in which direction."""

import copy
from collections import Counter
from typing import Any, Literal, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from backprop_jax.combinators.scan import Scan
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.objective import value_and_grad
from backprop_jax.core.paths import path_name
from backprop_jax.core.rewrite import rewrite_with_path

__all__ = ["FirstBad", "SeenArray", "find_first_bad"]


SHOWN = "x", "y", "dx", "dy"  # of a layer with more arrays than FEW: one made of others may have hundreds
FEW = 8


class SeenArray(NamedTuple):
    """A floating point array that a layer was given or made."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    nan: int  # how many are not a number
    infinite: int  # how many are infinite
    largest: float  # of the magnitudes of the others; 0 if there are none

    def __str__(self) -> str:
        counts = {"nan": self.nan, "infinite": self.infinite}
        bad = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        told = f"{bad} of {int(np.prod(self.shape)):,}" if bad else "finite"
        return f"{self.name}  {self.dtype}{list(self.shape)}  {told}, largest {self.largest:.3g}"


class FirstBad(NamedTuple):
    """The call of a layer that made the first number that is not finite: print it."""

    path: str  # of the layer; "" is the objective itself
    layer: Layer
    direction: Literal["forward", "backward"]
    cause: str  # in words
    steps: tuple[int, ...]  # of the scans around the layer, outermost first: which of their layers it is
    arrays: tuple[SeenArray, ...]  # what the layer was given, and what it made of it

    def __str__(self) -> str:
        step = "".join(f", layer {step} of the scan" for step in self.steps)
        where = self.path or "the objective itself"
        lines = [f"first not finite: {where}{step}, {self.direction}: {self.cause}", f"  {self.layer}"]
        few = len(self.arrays) <= FEW
        shown = [array for array in self.arrays if few or array.nan or array.infinite or array.name.startswith(SHOWN)]
        lines += [f"  {array}" for array in shown]
        others = len(self.arrays) - len(shown)
        return "\n".join(lines + ([f"  and {others} others, finite"] if others else []))


def find_first_bad(objective: Layer, params: PyTree, state: PyTree, batch: PyTree) -> FirstBad | None:
    """The layer that made the first number of this step that is not finite, forward or backward; None if all are.

    To be called with the parameters and the state from before a step that gave such a loss or gradient. It runs the
    step again without jit, one operation at a time, looks at what each call of a layer is given and makes, and ends at
    the first that is bad. A layer made of others is named itself only if it was none of these. A number that overflows
    in a compiled step alone, where operations are fused, is not found: None is given then.

    Infinities count as bad, also where one is meant: a log probability of 0.

    Raises:   ValueError if the objective gives no scalar.
    """
    watch = _Watch()
    watched = rewrite_with_path(objective, watch.watched)
    params, state, batch = jax.tree.map(jnp.asarray, (params, state, batch))
    try:
        with jax.disable_jit():
            value_and_grad(watched)(params, state, batch)
    except _Found as found:
        return found.report
    return None


class _Found(Exception):
    def __init__(self, report: FirstBad) -> None:
        self.report = report


class _Call(NamedTuple):
    number: int  # layers before those that hold them
    path: str
    layer: Layer


class _Watch:
    """Looks at all calls while they run."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._forward_calls: Counter[int] = Counter()
        self._backward_calls: Counter[int] = Counter()
        self._open: list[_Call] = []
        self._going_back = False

    def watched(self, path: str, layer: Layer) -> Layer:
        """A copy that tells of its calls. What holds it may ask for its class and its fields, so it is no wrapper."""
        if hasattr(layer, "initial_carry"):
            return layer  # a recurrent cell: what holds it calls more than its forward
        call = _Call(len(self._calls), path, layer)
        self._calls.append(call)

        def forward(params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
            if self._going_back:  # again, for what was not saved
                return layer.forward(params, state, x)
            self._forward_calls[call.number] += 1
            given = {"params": params, "state": state, "x": x}
            self._look_before(call, "forward", given, x)
            self._open.append(call)
            y, new_state, residuals = layer.forward(params, state, x)
            self._open.pop()
            self._look_after(call, "forward", given, {"y": y})
            return y, new_state, residuals

        def backward(params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
            self._going_back = True
            self._backward_calls[call.number] += 1
            given = {"params": params, "saved": residuals, "dy": dy}
            self._look_before(call, "backward", given, dy)
            self._open.append(call)
            dparams, dx = layer.backward(params, residuals, dy)
            self._open.pop()
            self._look_after(call, "backward", given, {"dparams": dparams, "dx": dx})
            return dparams, dx

        copied = copy.copy(layer)
        object.__setattr__(copied, "forward", forward)
        object.__setattr__(copied, "backward", backward)
        return copied

    def _look_before(self, call: _Call, direction: Any, given: dict[str, PyTree], x: PyTree) -> None:
        # All that was made before has been looked at, so it comes from between layers.
        if not _is_bad(x):
            return
        if not self._open:
            self._report(call, direction, "the batch is not finite", given)
        what = "what it gives to" if direction == "forward" else "the cotangent that it gives to"
        self._report(self._open[-1], direction, f"{what} {call.path or 'the layer in it'} is not finite", given)

    def _look_after(self, call: _Call, direction: Any, given: dict[str, PyTree], made: dict[str, PyTree]) -> None:
        bad = [name for name, tree in made.items() if _is_bad(tree)]
        if bad:
            names = {"y": "its output", "dparams": "its parameters' gradient", "dx": "its input's cotangent"}
            cause = f"{' and '.join(names[name] for name in bad)} {'is' if len(bad) == 1 else 'are'} not finite"
            cause += ", and so are its parameters" if _is_bad(given["params"]) else ""
            self._report(call, direction, cause, given | made)

    def _report(self, call: _Call, direction: Any, cause: str, trees: dict[str, PyTree]) -> NoReturn:
        arrays = [_seen(name, leaf) for tree, part in trees.items() for name, leaf in _named(tree, part)]
        raise _Found(FirstBad(call.path, call.layer, direction, cause, self._steps(call, direction), tuple(arrays)))

    def _steps(self, call: _Call, direction: str) -> tuple[int, ...]:
        """Which layer of each scan around this call it is of: backward goes through them in reverse."""
        number = self._forward_calls[call.number] - 1
        if direction == "backward":
            number -= self._backward_calls[call.number] - 1
        steps = []
        for outer in self._calls[call.number + 1 :]:
            is_within = not outer.path or call.path == outer.path or call.path.startswith(f"{outer.path}/")
            if isinstance(outer.layer, Scan) and is_within:
                steps.append(number % outer.layer.depth)
                number //= outer.layer.depth
        return tuple(reversed(steps))


def _named(tree: str, part: PyTree) -> list[tuple[str, Any]]:
    leaves, _ = jax.tree.flatten_with_path(part)
    found = [(path_name(path), leaf) for path, leaf in leaves]
    return [(f"{tree}/{name}" if name else tree, leaf) for name, leaf in found if _is_seen(leaf)]


def _is_seen(leaf: Any) -> bool:
    """Whether it is there to be looked at: no tracer of a `vmap`, and floating point."""
    return not isinstance(leaf, Tracer) and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _is_bad(tree: PyTree) -> bool:
    return any(_is_seen(leaf) and not bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(tree))


def _seen(name: str, leaf: jax.Array) -> SeenArray:
    finite = jnp.where(jnp.isfinite(leaf), jnp.abs(leaf), 0)
    nan, infinite = int(jnp.sum(jnp.isnan(leaf))), int(jnp.sum(jnp.isinf(leaf)))
    return SeenArray(name, str(leaf.dtype), leaf.shape, nan, infinite, float(jnp.max(finite, initial=0)))
