"""Find out which transforms act on which leaf: by watching what each of them is given at init."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from backprop_jax.optim.combining import chain, is_elementwise, named_chain
from backprop_jax.optim.inspection.grouping import groups
from backprop_jax.optim.inspection.hyperparameter_fields import is_value
from backprop_jax.optim.inspection.tree_paths import leaf_paths
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.transform import Transform, elementwise_if
from backprop_jax.optim.wrappers.masking import masked
from backprop_jax.optim.wrappers.partitioning import partition

Log = dict[str, list[Any]]


def acting_on(optimizer: Any, params: PyTree) -> tuple[Log, PyTree]:
    """For each leaf's path the transforms that act on it, in order, and the shapes of the state. Nothing is run.

    Chains, groups and masks are taken apart. A wrapper is shown as it acts on the leaf: around what acts within it.
    """
    log: Log = {path: [] for path in leaf_paths(params)}
    state = jax.eval_shape(_watch(optimizer, log).init, params)
    return log, state


@dataclass(frozen=True)
class _Watched(Transform):
    """A transform that reports the parameters it is given."""

    elementwise = elementwise_if(lambda self: is_elementwise(self.transform))

    transform: Any
    report: Callable[[PyTree], None]

    def init(self, params: PyTree) -> PyTree:
        state = self.transform.init(params)
        self.report(params)
        return state

    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        raise NotImplementedError


def _watch(node: Any, log: Log) -> Any:
    """The transform, or tuple or dict of some, which on init notes in `log` what acts on which leaf."""
    if type(node) is tuple:
        return tuple(_watch(part, log) for part in node)
    if type(node) is dict:
        return {key: _watch(part, log) for key, part in node.items()}
    if not (hasattr(node, "init") and hasattr(node, "update")):
        return node
    fields = {field.name: getattr(node, field.name) for field in dataclasses.fields(node)} if is_value(node) else {}
    if isinstance(node, chain | named_chain | masked | partition | groups):
        return _with(node, {name: _watch(value, log) for name, value in fields.items()})
    logs: dict[str, Log] = {name: {} for name, value in fields.items() if hasattr(value, "init")}
    inner = _with(node, {name: _watch(fields[name], within) for name, within in logs.items()})

    def report(params: PyTree) -> None:
        for path in leaf_paths(params):
            parts = {name: joined(within.get(path, [])) for name, within in logs.items()}
            log.setdefault(path, []).append(_with(node, parts | ({"mask": None} if "mask" in fields else {})))

    watched = _Watched(inner, report)
    return watched if fields.get("mask") is None else masked(watched, fields["mask"])


def joined(transforms: list[Any]) -> Any:
    """One transform that does what these do."""
    return transforms[0] if len(transforms) == 1 else chain(*transforms)


def _with(node: Any, fields: dict[str, Any]) -> Any:
    """A copy with other fields that is not checked: some wrappers demand what a watched transform does not show."""
    if not fields:
        return node
    new = copy.copy(node)
    for name, value in fields.items():
        object.__setattr__(new, name, value)
    return new
