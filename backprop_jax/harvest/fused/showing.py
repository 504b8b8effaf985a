"""Optimizers that are shown one stage's parameters at a time: which can be, and under what paths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal

from backprop_jax.core.layer import PyTree
from backprop_jax.harvest.fused.stages import Stage, View
from backprop_jax.optim import apply_updates, groups

__all__ = ["for_stages", "require_separate", "views"]

# Enough for schedules that start at 0, and for what takes a step every few gradients.
STEPS = 8
# What masks and labels raise that were written for other parameters.
CANNOT = ValueError, TypeError, KeyError, AttributeError


def for_stages(optimizer: Any) -> Any:
    """The optimizer where a pattern may fit nothing, as it will in most stages."""
    return optimizer.as_partition() if isinstance(optimizer, groups) else optimizer


def views(optimizer: Any, row: Sequence[Stage], params: Sequence[PyTree]) -> list[View]:
    """How each stage's parameters are shown, alike for stages that the optimizer does not tell apart."""
    if not _reads_paths(optimizer):
        return [View(axes=stage.view.axes) for stage in row]
    known: dict[tuple, View] = {}
    found = []
    for stage, own in zip(row, params, strict=True):
        treatment = _treatment(optimizer, stage.view, own) if jax.tree.leaves(own) else None
        found.append(known.setdefault((stage.layer, treatment), stage.view))
    return found


def require_separate(optimizer: Any) -> None:
    """Raise ValueError unless steps on two parameters are those on each alone."""
    if isinstance(optimizer, groups):
        for member in optimizer.as_partition().transforms.values():
            require_separate(member)
        return
    random = jax.random.normal(jax.random.key(0), (STEPS + 1, 2, 3))
    together = {"w": 10.0 * random[STEPS, 0], "b": 10.0 * random[STEPS, 1]}
    rows = together, {"w": together["w"]}, {"b": together["b"]}

    @jax.jit
    def step(rows: Sequence[PyTree], states: Sequence[PyTree], gradient: PyTree) -> tuple:
        told = [
            optimizer.update({name: gradient[name] for name in own}, state, own)
            for own, state in zip(rows, states, strict=True)
        ]
        rows = tuple(apply_updates(own, updates) for own, (updates, _) in zip(rows, told, strict=True))
        whole, *alone = told
        return rows, tuple(state for _, state in told), jnp.stack([_agree(whole, part) for part in alone])

    try:
        states, agree = tuple(map(optimizer.init, rows)), []
        for number in range(STEPS):
            # One far longer than the other, so that a high limit binds too.
            gradient = {"w": (1e8 if number % 2 else 1.0) * random[number, 0], "b": random[number, 1]}
            rows, states, told = step(rows, states, gradient)
            agree.append(told)
    except CANNOT as error:
        raise _cannot_be_shown(optimizer, error) from error
    if not jnp.all(jnp.stack(agree)):
        raise ValueError(
            f"fused_update takes an optimizer that treats each parameter by itself, and {optimizer} does not: clip "
            "by the global norm with clip=PreviousNorm(...) or clip=TwoPasses(...)"
        )


def _agree(whole: PyTree, alone: PyTree) -> jax.Array:
    """Whether what both have, updates and states, is as good as equal: relatively, since steps may be tiny."""
    of_whole = dict(jax.tree_util.tree_leaves_with_path(whole))
    agree = [jnp.array(True)]
    for path, theirs in jax.tree_util.tree_leaves_with_path(alone):
        ours = of_whole.get(path)
        if ours is not None and ours.shape == theirs.shape and jnp.issubdtype(ours.dtype, jnp.inexact):
            agree.append(jnp.all(jnp.abs(ours - theirs) <= 1e-4 * jnp.max(jnp.abs(ours), initial=0.0)))
    return jnp.all(jnp.stack(agree))


def _treatment(optimizer: Any, view: View, own: PyTree) -> tuple:
    """What the optimizer does to a stage's parameters, to be compared."""
    try:
        program = jax.make_jaxpr(lambda params: _step(optimizer, params))(jax.eval_shape(view.of, own))
    except CANNOT as error:
        raise _cannot_be_shown(optimizer, error) from error
    # The text leaves out the values of arrays.
    return str(program), tuple(_arrays(program))


def _arrays(program: ClosedJaxpr) -> Iterator[tuple]:
    """Type and bytes of each array in a program and in those that it calls."""
    yield from map(_told, program.consts)
    for equation in program.jaxpr.eqns:
        yield from (_told(entry.val) for entry in equation.invars if isinstance(entry, Literal))
        for inner in jax.tree.leaves(equation.params, is_leaf=lambda entry: isinstance(entry, ClosedJaxpr)):
            if isinstance(inner, ClosedJaxpr):
                yield from _arrays(inner)


def _told(array: Any) -> tuple:
    if isinstance(array, jax.Array) and jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    array = np.asarray(array)
    return str(array.dtype), array.shape, array.tobytes()


def _cannot_be_shown(optimizer: Any, error: Exception) -> ValueError:
    return ValueError(
        "fused_update shows an optimizer the parameters and gradients of one layer at a time and no loss, so its masks "
        "and labels must be functions, such as optim.matching('*/w'), and not trees, and optim.groups be outermost; "
        f"not {optimizer}, which says: {error}"
    )


def _reads_paths(optimizer: Any) -> bool:
    """Whether it asks for names above those that a stage knows."""
    asked: list[bool] = []
    try:
        jax.eval_shape(lambda own: _step(optimizer, _Within(asked, own)), {"w": jnp.zeros((2, 2)), "b": jnp.zeros(2)})
    except CANNOT:  # a pattern fits neither, or a mask reads the names of a dict
        return True
    return bool(asked)


def _step(optimizer: Any, params: PyTree) -> PyTree:
    updates, state = optimizer.update(params, optimizer.init(params), params)
    return jax.tree.leaves((updates, state))


@jax.tree_util.register_pytree_with_keys_class
class _Within:
    """Parameters under a name that notes when somebody asks for it."""

    def __init__(self, asked: list[bool], own: PyTree) -> None:
        self.asked, self.own = asked, own

    def tree_flatten_with_keys(self) -> tuple:
        return ((_Name(self.asked), self.own),), _Asked(self.asked)

    @classmethod
    def tree_unflatten(cls, aux: "_Asked", children: tuple) -> "_Within":
        return cls(aux.names, *children)


@dataclass(frozen=True)
class _Asked:
    names: list[bool] = field(compare=False)  # trees of parameters are alike whatever was asked


class _Name:
    def __init__(self, asked: list[bool]) -> None:
        self._asked = asked

    def __str__(self) -> str:
        self._asked.append(True)
        return ""

    @property
    def key(self) -> str:  # of jax's own kinds of names
        return str(self)
