"""Layers and pytrees as text, and back from text without running any code that the text holds."""

import ast
import dataclasses
import inspect
import math
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.children import Children
from backprop_jax.core.layer import PyTree

__all__ = ["read_value", "write_tree"]

ROOMS = "core", "initializers", "layers", "losses", "combinators", "models"
CONSTANTS = {"inf": math.inf, "nan": math.nan} | {
    name: jnp.dtype(name) for name in ("bfloat16", "float16", "float32", "float64")
}


def read_value(text: str, leaves: Mapping[str, Any] | None = None) -> Any:
    """The value that a text stands for: the calls that make it, as layers print.

    Known are numbers, strings, None, tuples, lists, dicts, the dataclasses and NamedTuples of this library, and the
    names in `leaves`. Anything else is refused; nothing is looked up elsewhere, and nothing of the text is run.

    Raises:   ValueError that names what is unknown or does not fit.
    """
    try:
        return _value(ast.parse(text, mode="eval").body, leaves or {})
    except (SyntaxError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        raise ValueError(f"{_shortened(text)} cannot be read: {error}") from error


def write_tree(tree: PyTree, leaves: Callable[[Any], str]) -> str:
    """The text of a pytree, with `leaves(leaf)`, a name, for each leaf.

    Raises:   TypeError if a container in it is none that `read_value` knows.
    """

    def write(node: Any) -> str:
        if node is None:
            return "None"
        if isinstance(node, dict):
            return "{" + ", ".join(f"{name!r}: {write(part)}" for name, part in node.items()) + "}"
        if isinstance(node, tuple) and hasattr(node, "_fields"):
            if _classes().get(type(node).__name__) is not type(node):
                raise TypeError(f"{type(node).__name__} is no NamedTuple of this library")
            return f"{type(node).__name__}({', '.join(map(write, node))})"
        if isinstance(node, list):
            return f"[{', '.join(map(write, node))}]"
        if isinstance(node, tuple):
            return f"({''.join(f'{write(part)}, ' for part in node)})"
        if not jax.tree_util.all_leaves([node]):
            raise TypeError(f"a pytree node of type {type(node).__name__} cannot be written: use tuples and dicts")
        return leaves(node)

    return write(tree)


def _value(node: ast.expr, leaves: Mapping[str, Any]) -> Any:
    def value(part: ast.expr) -> Any:
        return _value(part, leaves)

    match node:
        case ast.Constant(value=constant) if constant is None or isinstance(constant, bool | int | float | str):
            return constant
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value(operand)
        case ast.Tuple(elts=parts):
            return tuple(map(value, parts))
        case ast.List(elts=parts):
            return list(map(value, parts))
        case ast.Dict(keys=keys, values=values) if all(keys):
            return {value(key): value(part) for key, part in zip(keys, values, strict=True) if key is not None}
        case ast.Name(id=name):
            for known in (leaves, CONSTANTS):
                if name in known:
                    return known[name]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) if name in _classes() and all(
            keyword.arg for keyword in keywords
        ):
            named = {str(keyword.arg): value(keyword.value) for keyword in keywords}
            return _made(_classes()[name], tuple(map(value, arguments)), named)
    raise ValueError(f"{_shortened(ast.unparse(node))} is nothing that this library makes")


def _made(kind: Any, arguments: tuple, named: dict[str, Any]) -> Any:
    """A value of this class, from the arguments that it prints."""
    fields = getattr(kind, "__dataclass_fields__", {})
    if "children" not in fields:
        return kind(*arguments, **named)
    layers = {name: part for name, part in named.items() if name not in fields}
    others = {name: part for name, part in named.items() if name in fields}
    return kind(children=Children.of(kind.__name__, arguments, layers), **others)


@cache
def _classes() -> dict[str, type]:
    """The dataclasses and NamedTuples of the library, by name; one that two have stands for neither."""
    found: dict[str, set[type]] = {}
    for name in _modules():
        for kind in vars(import_module(name)).values():
            is_value = dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")
            if inspect.isclass(kind) and is_value and kind.__module__ == name:
                found.setdefault(kind.__name__, set()).add(kind)
    return {name: kinds.pop() for name, kinds in found.items() if len(kinds) == 1}


def _modules() -> list[str]:
    names = []
    for room in ROOMS:
        name = f"backprop_jax.{room}"
        names.append(name)
        if folder := getattr(import_module(name), "__path__", None):
            names += [module.name for module in pkgutil.walk_packages(folder, f"{name}.")]
    return names


def _shortened(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else f"{text[:limit]}..."
