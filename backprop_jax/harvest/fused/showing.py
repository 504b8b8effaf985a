"""Optimizers that are shown one stage's parameters at a time: which can be, and under what paths."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.layer import PyTree
from backprop_jax.harvest.fused.stages import Stage, View
from backprop_jax.optim import apply_updates, groups

__all__ = ["for_stages", "require_separate", "views"]


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
        try:
            seen = jax.eval_shape(stage.view.of, own)
            treatment = str(jax.make_jaxpr(lambda params: _step(optimizer, params))(seen))
        except ValueError as error:
            raise _no_masks_by_tree(optimizer) from error
        found.append(known.setdefault((stage.layer, treatment), stage.view))
    return found


def require_separate(optimizer: Any) -> None:
    """Raise ValueError unless two steps on two parameters are those on each alone."""
    if isinstance(optimizer, groups):
        for member in optimizer.as_partition().transforms.values():
            require_separate(member)
        return
    random = jax.random.normal(jax.random.key(0), (4, 3))

    def two_steps(params: PyTree, gradients: Sequence[PyTree]) -> PyTree:
        state = optimizer.init(params)
        for gradient in gradients:
            updates, state = optimizer.update(gradient, state, params)
            params = apply_updates(params, updates)
        return params

    @jax.jit
    def differences() -> jax.Array:
        w, b, c, d = 10.0 * random
        together = two_steps({"w": w, "b": b}, [{"w": c, "b": d}, {"w": 100.0 * d, "b": c}])
        alone = two_steps({"w": w}, [{"w": c}, {"w": 100.0 * d}]) | two_steps({"b": b}, [{"b": d}, {"b": c}])
        return jnp.stack([jnp.max(jnp.abs(together[name] - alone[name])) for name in alone])

    try:
        separate = jnp.all(differences() < 1e-4)
    except ValueError as error:
        raise _no_masks_by_tree(optimizer) from error
    if not separate:
        raise ValueError(
            f"fused_update takes an optimizer that treats each parameter by itself, and {optimizer} does not: clip "
            "by the global norm with clip=PreviousNorm(...) or clip=TwoPasses(...)"
        )


def _no_masks_by_tree(optimizer: Any) -> ValueError:
    return ValueError(
        "fused_update shows an optimizer the parameters of one layer at a time, so its masks and labels must be "
        f"functions, such as optim.matching('*/w'), and not trees, and optim.groups be outermost; not {optimizer}"
    )


def _reads_paths(optimizer: Any) -> bool:
    """Whether it asks for names above those that a stage knows."""
    asked: list[bool] = []
    try:
        jax.eval_shape(lambda own: _step(optimizer, _Within(asked, own)), {"w": jnp.zeros((2, 2)), "b": jnp.zeros(2)})
    except ValueError:  # a pattern fits neither
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
