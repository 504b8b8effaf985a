"""What an optimizer does to each parameter and what it keeps for it, told before anything runs."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.inspection.acting import acting_on, joined
from backprop_jax.optim.inspection.hyperparameter_fields import hyperparams_in, is_number, is_value
from backprop_jax.optim.inspection.tree_paths import leaf_paths
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.memory.block_codes import Int8Blocks


class LeafSummary(NamedTuple):
    """One line of an optimizer's table."""

    path: str
    shape: tuple[int, ...]
    dtype: Any
    transform: Any  # what acts on this parameter, with groups and masks resolved; None where nothing does
    decay: Any  # the weight decay, a number or a schedule; None where there is none, "?" where a closure hides it
    state_bytes: int


class OptimizerSummary(NamedTuple):
    """An optimizer's table. The shared bytes, such as those of step counts, belong to no parameter alone."""

    leaves: tuple[LeafSummary, ...]
    parameters: int  # numbers, not bytes
    shared_bytes: int
    state_bytes: int  # of the whole

    def __str__(self) -> str:
        transforms = dict.fromkeys(_text(leaf.transform) for leaf in self.leaves if leaf.transform is not None)
        numbers = {text: f"({number})" for number, text in enumerate(transforms, start=1)}
        rows = [("path", "parameter", "transform", "decay", "parameters", "state bytes")]
        for path, shape, dtype, transform, decay, state_bytes in self.leaves:
            kind, size = f"{dtype}{list(shape)}", f"{math.prod(shape):,}"
            rows.append(
                (path or "-", kind, numbers.get(_text(transform), "-"), _decay_text(decay), size, f"{state_bytes:,}")
            )
        rows.append(("shared", "", "", "", "", f"{self.shared_bytes:,}"))
        rows.append(("total", "", "", "", f"{self.parameters:,}", f"{self.state_bytes:,}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            text = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
            figures = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
            lines.append("  ".join(text + figures).rstrip())
        return "\n".join([*lines, "", *(f"{number} {text}" for text, number in numbers.items())])


def describe(optimizer: Any, params: PyTree) -> OptimizerSummary:
    """For each parameter the transform that acts on it, its weight decay and the bytes of its state: print it, or read
    its fields. `params` may be arrays or their shapes; nothing is run.

    Groups, partitions and masks are resolved. The members of optax are closures, which show nothing of what they do.
    """
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)), params)
    acting, state = acting_on(optimizer, shapes)
    keys = [keys for keys, _ in jax.tree_util.tree_leaves_with_path(shapes)]
    owned = dict.fromkeys(keys, 0)
    shared = 0
    for state_keys, leaf in jax.tree_util.tree_leaves_with_path(state, is_leaf=_is_code):
        owner = _owner(state_keys, leaf, owned, shapes)
        if owner is None:
            shared += _bytes(leaf)
        else:
            owned[owner] += _bytes(leaf)
    leaves = []
    for path, leaf, state_bytes in zip(leaf_paths(shapes), jax.tree.leaves(shapes), owned.values(), strict=True):
        transform = joined(acting[path]) if acting[path] else None
        leaves.append(LeafSummary(path, leaf.shape, leaf.dtype, transform, _decay_in(transform), state_bytes))
    parameters = sum(math.prod(leaf.shape) for leaf in leaves)
    return OptimizerSummary(tuple(leaves), parameters, shared, shared + sum(owned.values()))


def _owner(state_keys: Any, leaf: Any, owned: dict[Any, int], params: PyTree) -> Any:
    """The keys of the parameter whose state this is: the longest that those of the state end in."""
    endings = (state_keys[start:] for start in range(len(state_keys)))
    # Parameters that are one array have no keys.
    whole = () if () in owned and leaf.shape == params.shape else None
    return next((ending for ending in endings if ending in owned), whole)


def _is_code(node: Any) -> bool:
    return isinstance(node, Int8Blocks)


def _bytes(leaf: Any) -> int:
    return sum(math.prod(part.shape) * part.dtype.itemsize for part in jax.tree.leaves(leaf))


def _decay_in(transform: Any) -> Any:
    decays = [value for name, value in hyperparams_in(transform) if name == "weight_decay"]
    if _hides_decay(transform):
        return "?"
    return decays[0] if len(decays) == 1 else tuple(decays) or None


def _hides_decay(node: Any) -> bool:
    if type(node) is tuple:
        return any(map(_hides_decay, node))
    if not (hasattr(node, "init") and hasattr(node, "update")):
        return False
    if hasattr(node, "hyperparams"):  # of inject_hyperparams: the mask is applied in what it makes
        return node.arguments.get("mask") is not None
    return not is_value(node) or any(_hides_decay(getattr(node, field.name)) for field in dataclasses.fields(node))


def _decay_text(decay: Any) -> str:
    if decay is None or decay == "?":
        return decay or "-"
    if isinstance(decay, tuple):
        return ", ".join(map(_decay_text, decay))
    return f"{decay:g}" if is_number(decay) else getattr(decay, "__name__", type(decay).__name__)


def _text(transform: Any) -> str:
    """The repr, with the addresses that optax's print left out."""
    return re.sub(
        r"GradientTransformation\w*\(init=.*?, update=<function (\w+).*? at 0x\w+>\)", r"optax.\1", repr(transform)
    )
