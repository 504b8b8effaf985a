"""Hold an optimizer's averages of gradients in 8 or 16 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.optim.combining import require_transform, update_with_extra
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.memory.block_codes import Int8Blocks, to_bfloat16
from backprop_jax.optim.step_count import first_count, safe_increment
from backprop_jax.optim.transform import Transform

# The fields in which states keep averages of the gradient and of its square. What else is large, such as a second copy
# of the parameters, must stay exact.
AVERAGES = frozenset({"mu", "nu", "nu_max", "trace", "ema", "sum_of_squares", "e_g", "e_x"})
EXACT_BELOW = 4096  # numbers; smaller leaves are no burden, and biases and norms are the most sensitive


class CompressedState(NamedTuple):
    """Steps taken, from which the rounding is drawn, and the optimizer's state with its large leaves compressed."""

    count: jax.Array
    inner_state: PyTree


@dataclass(frozen=True)
class compress_state(Transform):
    """Run an optimizer whose averages of gradients are stored as "int8" (with a scale per block of 256) or "bfloat16".

        compress_state(adamw(1e-3))        2.03 bytes per parameter instead of 8 for the two moments
        compress_state(adamw(1e-3), "bfloat16")         4 bytes

    At each step the state is decoded, the optimizer runs in float32, and its new state is encoded, rounded at random
    with the right mean. Leaves of fewer than 4096 numbers stay exact. `describe` tells the bytes before anything runs.

    State:  `CompressedState(count, inner_state)`.
    Raises: ValueError for another `dtype`.
    Source: Dettmers et al., 2022, arXiv:2110.02861, for block-wise 8-bit states; the code is a logarithmic one.
    """

    optimizer: Any
    dtype: Literal["int8", "bfloat16"] = "int8"

    def __post_init__(self) -> None:
        require_transform(self.optimizer, "compress_state: the optimizer")
        if self.dtype not in ("int8", "bfloat16"):
            raise ValueError(f"compress_state: dtype must be 'int8' or 'bfloat16', got {self.dtype!r}")

    def init(self, params: PyTree) -> CompressedState:
        count = first_count()
        return CompressedState(count, self._encode(self.optimizer.init(params), count))

    def update(
        self, updates: PyTree, state: CompressedState, params: PyTree = None, **extra: Any
    ) -> tuple[PyTree, CompressedState]:
        count = safe_increment(state.count)
        exact = _map_large_averages(lambda leaf, _: _decode(leaf), state.inner_state)
        updates, exact = update_with_extra(self.optimizer, updates, exact, params, extra)
        return updates, state._replace(count=count, inner_state=self._encode(exact, count))

    def _encode(self, state: PyTree, count: jax.Array) -> PyTree:
        encode = Int8Blocks.of if self.dtype == "int8" else to_bfloat16
        number = len(jax.tree.leaves(state))
        # Every leaf and step another seed: equal noise in mu and nu would be correlated noise in their quotient.
        return _map_large_averages(
            lambda leaf, position: encode(leaf.astype(jnp.float32), count * number + position), state
        )


def _decode(leaf: jax.Array | Int8Blocks) -> jax.Array:
    return leaf.array() if isinstance(leaf, Int8Blocks) else leaf.astype(jnp.float32)


def _map_large_averages(function: Callable[[Any, int], Any], state: PyTree) -> PyTree:
    """Map the large real leaves that stand in a field of `AVERAGES`; the function gets their position too."""
    is_code = lambda node: isinstance(node, Int8Blocks)
    entries, structure = jax.tree_util.tree_flatten_with_path(state, is_leaf=is_code)
    return structure.unflatten(
        function(leaf, position) if is_code(leaf) or _is_large_average(path, leaf) else leaf
        for position, (path, leaf) in enumerate(entries)
    )


def _is_large_average(path: tuple[Any, ...], leaf: jax.Array) -> bool:
    is_average = any(getattr(key, "name", None) in AVERAGES for key in path)
    return is_average and leaf.dtype in (jnp.float32, jnp.bfloat16) and leaf.size >= EXACT_BELOW
