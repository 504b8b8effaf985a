"""The contract of an optimizer."""

from __future__ import annotations

import abc
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, ClassVar, NamedTuple, final

from backprop_jax.optim.arguments import require_params
from backprop_jax.optim.inspection.changing import takes_hyperparams
from backprop_jax.optim.leafwise import PyTree, Rule, RuleUse, align, apply_rules, unzip
from backprop_jax.optim.prefix_trees import fit_prefix, for_each_leaf


class Transform(abc.ABC):
    """A gradient transform: an immutable, hashable value that turns gradients into updates.

        state          = transform.init(params)
        updates, state = transform.update(updates, state, params)

    Subclasses are frozen dataclasses whose fields are hyper-parameters. They hold no arrays of their own, so a
    transform that is built again is equal to the first and, as a static argument of `jax.jit`, does not compile again.

    Laws: `init` reads only shapes and dtypes of `params`; both methods are pure; the new state has the structure,
    shapes and dtypes of the old one; updates keep the dtypes of the gradient; a leaf whose update is None is left
    alone.
    `extra` carries what some transforms need beyond the gradient, such as the loss; the others ignore it.

    `elementwise` says that every number of the update depends on nothing but the numbers at the same place in the
    gradient, the state and the parameters, and on scalars of the whole, such as the step or the norm of all updates:
    the leaves may then be laid end to end (see `flat`).
    """

    elementwise: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let every subclass's `update` take a state that `with_hyperparams` made."""
        super().__init_subclass__(**kwargs)
        if "update" in vars(cls):
            cls.update = takes_hyperparams(cls.update)

    @abc.abstractmethod
    def init(self, params: PyTree) -> PyTree:
        """Return the state before the first step. `params` may be arrays or, under `jax.eval_shape`, their shapes."""

    @abc.abstractmethod
    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        """Return the transformed updates and the next state."""

    def __iter__(self) -> Iterator[Callable[..., Any]]:
        """As in optax, where a transform is a pair: `init, update = transform`."""
        return iter((self.init, self.update))

    def __getitem__(self, index: int) -> Callable[..., Any]:
        return (self.init, self.update)[index]

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.__dict__)

    # optax hands `extra` only to instances of a class of its own. A transform says that it is one, so that optax's
    # chain and wrappers treat it so; optax need not be installed for that.
    @property
    def __class__(self) -> type:
        optax = sys.modules.get("optax")
        return type(self) if optax is None else _also(type(self), optax.GradientTransformationExtraArgs)


def elementwise_if(holds: Callable[[Any], bool]) -> Any:
    """`elementwise` of a class whose fields decide it. Typed as Any: to a checker no property may replace a bool."""
    return property(holds)


def _rebuild(cls: type, fields: dict[str, Any]) -> Any:
    """Unpickle: pickle itself refuses an object whose `__class__` is not its type."""
    transform = object.__new__(cls)
    transform.__dict__.update(fields)
    return transform


@cache
def _also(own: type, other: type) -> type:
    """A class with the name of `own` that is also the class `other`; calling it makes an `own`."""
    make = lambda _, *args, **kwargs: own(*args, **kwargs)
    return type(own)(own.__name__, (own, other), {"__new__": make, "__qualname__": own.__qualname__})


class EmptyState(NamedTuple):
    """The state of a transform that remembers nothing."""


class Plan(NamedTuple):
    """What a leafwise transform does at one step: its rule (None: nothing), the rule's scalars, the state so far.

    With a mask, a tree of bools with the structure of the updates or a prefix of it, only where that is true.
    """

    rule: Rule | None
    scalars: PyTree
    state: PyTree
    mask: PyTree = True


class Leafwise(Transform):
    """A transform that is one rule, applied to every leaf: see `backprop_jax.optim.leafwise`.

    The rule is called as `rule(update, *state leaves, param, scalars)`, the state leaves being those of the fields in
    `renews`, and the parameter being there if `reads_params`. It returns the new update and the renewed state leaves.
    `chain` runs the rules of neighbours in one pass, unless a plan `reads_all_updates`.
    """

    elementwise = True
    renews: ClassVar[tuple[str, ...]] = ()
    renews_any_shape: ClassVar[bool] = False
    reads_params: ClassVar[bool] = False
    reads_all_updates: ClassVar[bool] = False

    def init(self, params: PyTree) -> PyTree:
        return EmptyState()

    @abc.abstractmethod
    def plan(self, updates: PyTree, state: PyTree, params: PyTree, **extra: Any) -> Plan:
        """Return the rule of this step, its scalars, and the state with all renewed but the leaves in `renews`."""

    @final
    def update(self, updates: PyTree, state: PyTree, params: PyTree = None, **extra: Any) -> tuple[PyTree, PyTree]:
        updates, (state,) = update_together((self,), updates, (state,), params, extra)
        return updates, state


def update_together(
    transforms: tuple[Leafwise, ...], updates: PyTree, states: tuple[PyTree, ...], params: PyTree, extra: dict[str, Any]
) -> tuple[PyTree, tuple[PyTree, ...]]:
    """Apply leafwise transforms one after another in a single pass over the leaves."""
    columns: list[tuple[str, PyTree]] = []
    plans, of_any_shape = [], set()
    for transform, state in zip(transforms, states, strict=True):
        if transform.reads_params:
            require_params(transform, params)
        plan = transform.plan(updates, state, params, **extra)
        plans.append(plan)
        columns += [(name, getattr(plan.state, name)) for name in transform.renews]
        of_any_shape |= set(transform.renews if transform.renews_any_shape else ())
    renewed_columns = len(columns)
    if any(transform.reads_params for transform in transforms):
        columns.append(("params", params))
    structure, rows = align(updates, columns, frozenset(of_any_shape))
    masks = zip(*(for_each_leaf(fit_prefix(plan.mask, updates, "mask"), updates) for plan in plans), strict=True)
    scalars = tuple(plan.scalars for plan in plans)
    new_rows = []
    for row, applies in zip(rows, masks, strict=True):
        uses = tuple(
            RuleUse(plan.rule if here else None, len(transform.renews), transform.reads_params)
            for plan, transform, here in zip(plans, transforms, applies, strict=True)
        )
        skipped = row[0] is None or all(use.rule is None for use in uses)
        new_rows.append(row[: 1 + renewed_columns] if skipped else apply_rules(uses, row, scalars))
    updates, *renewed = unzip(structure, new_rows, renewed_columns)
    return updates, tuple(_renew(transform, plan, renewed) for transform, plan in zip(transforms, plans, strict=True))


def _renew(transform: Leafwise, plan: Plan, renewed: list[PyTree]) -> PyTree:
    """The plan's state with its part of the renewed leaves, which it takes from the front of the list."""
    if not transform.renews:
        return plan.state
    return plan.state._replace(**{name: renewed.pop(0) for name in transform.renews})
