"""The hyper-parameters of an optimizer, through all transforms in it: find them, or build it anew with others.

A hyper-parameter is a field of a transform that holds a number, or a schedule, in which case its annotation says so.
A number that is declared as an int is none: it is a size, on which the shapes or the structure of the state depend.
Transforms are found in the fields of others, as they are or in tuples and dicts. Those of optax are closures, which
show nothing, and are taken over as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np

from backprop_jax.optim.schedules.basic import ScalarOrSchedule, constant_schedule


def replace_hyperparams(optimizer: Any, **values: Any) -> Any:
    """The optimizer with other hyper-parameters, in every transform inside that has a field of that name.

    A number in place of a schedule becomes a `constant_schedule`, so that the state stays valid. A schedule in place of
    a number needs a new state.

    Raises: ValueError for a name that no transform has, or a value that a transform refuses.
    """
    require_known("replace_hyperparams", values, (name for name, _ in hyperparams_in(optimizer)))
    return _replace(optimizer, values)


def hyperparams_in(node: Any) -> Iterator[tuple[str, Any]]:
    """Names and values in the order in which `node`, a transform or a tuple or dict of some, prints them."""
    if hasattr(node, "hyperparams"):  # of inject_hyperparams: arguments, not fields
        yield from node.hyperparams.items()
    elif is_value(node):
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if _is_hyperparam(field, value):
                yield field.name, value
            else:
                yield from hyperparams_in(value)
    elif type(node) in (tuple, dict):
        for part in node.values() if type(node) is dict else node:
            yield from hyperparams_in(part)


def _replace(node: Any, values: dict[str, Any]) -> Any:
    if hasattr(node, "hyperparams"):
        return rebuild(
            node, arguments=node.arguments | {name: values[name] for name in values.keys() & node.hyperparams}
        )
    if is_value(node):
        fields = dataclasses.fields(node)
        return rebuild(node, **{field.name: _new_value(field, getattr(node, field.name), values) for field in fields})
    if type(node) is tuple:
        return tuple(_replace(part, values) for part in node)
    return {key: _replace(part, values) for key, part in node.items()} if type(node) is dict else node


def _new_value(field: dataclasses.Field[Any], old: Any, values: dict[str, Any]) -> Any:
    if field.name not in values or not _is_hyperparam(field, old):
        return _replace(old, values)
    new = values[field.name]
    return constant_schedule(new) if callable(old) and not callable(new) else new


def rebuild(transform: Any, **fields: Any) -> Any:
    """The transform with other fields. Not by its class, which may take other arguments than its fields, as chain."""
    new = object.__new__(type(transform))
    for field in dataclasses.fields(transform):
        object.__setattr__(new, field.name, fields.get(field.name, getattr(transform, field.name)))
    if hasattr(new, "__post_init__"):
        new.__post_init__()
    return new


def is_value(node: Any) -> bool:
    """Whether `node` is a transform whose fields can be read: one of ours."""
    return dataclasses.is_dataclass(type(node)) and hasattr(node, "init") and hasattr(node, "update")


def is_number(value: Any) -> bool:
    """Whether `value` is a number or an array of numbers; a bool is none."""
    return isinstance(value, int | float | complex | np.number | np.ndarray | jax.Array) and not isinstance(value, bool)


def require_known(owner: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise ValueError if one of the names is not among the known ones."""
    known = sorted(set(known))
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"{owner}: no transform has {', '.join(unknown)}; there are {', '.join(known) or 'none'}")


def _is_hyperparam(field: dataclasses.Field[Any], value: Any) -> bool:
    # The type is a string where the transform's module imports annotations from the future, as ours do.
    annotation = str(field.type)
    if callable(value):
        return "Schedule" in annotation or field.type == ScalarOrSchedule
    return is_number(value) and annotation not in ("int", "int | None", str(int)) and "PyTree" not in annotation
