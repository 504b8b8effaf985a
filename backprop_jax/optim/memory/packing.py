"""Keep many small leaves as one vector: parameters, gradients and state then need one operation, not hundreds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from backprop_jax.optim.combining import is_elementwise, require_transform, update_with_extra
from backprop_jax.optim.hyperparameters import require_non_negative
from backprop_jax.optim.leafwise import PyTree
from backprop_jax.optim.prefix_trees import is_placeholder
from backprop_jax.optim.transform import Transform


@dataclass(frozen=True)
class Layout:
    """Where the leaves of a tree are in its packed form."""

    structure: Any
    shapes: tuple[tuple[int, ...], ...]
    places: tuple[str | None, ...]  # for each leaf the dtype whose vector it is in, or None where it stands alone


@partial(jax.tree_util.register_dataclass, data_fields=["vectors", "alone"], meta_fields=["layout"])
@dataclass(frozen=True)
class Packed:
    """A tree whose small leaves lie end to end in one vector per dtype. `tree()` gives it back in its own form."""

    vectors: dict[str, jax.Array]
    alone: tuple[jax.Array, ...]
    layout: Layout

    def tree(self) -> PyTree:
        """The tree as it was. The derivative of this is one concatenation, not a sum over the leaves."""
        return _unpack(self.layout, self.vectors, self.alone)


@dataclass(frozen=True)
class flat(Transform):
    """Run an optimizer on packed parameters: leaves of fewer than `below` numbers lie in one vector per dtype.

        optimizer = flat(adamw(1e-3))
        params    = optimizer.pack(params)                                    once, before training
        state     = optimizer.init(params)
        gradients = jax.grad(lambda params: loss(params.tree()))(params)      or optimizer.pack(the gradient tree)
        updates, state = optimizer.update(gradients, state, params)
        params    = apply_updates(params, updates)

    A step over hundreds of small leaves is bound by their number: packed, it takes a fraction of the time to compile
    and to run. Large leaves gain nothing, hence `below`; None packs all. It is for a loop of your own: `train.fit` has
    parameters as the model has them. `tree()` has a derivative in reverse mode only.

    State:  that of the optimizer, for packed parameters.
    Raises: ValueError at construction if the optimizer treats leaves as such (by their norms, shapes or names), which
            packing would change; TypeError at init or update for trees that are not packed.
    """

    elementwise = True

    optimizer: Any
    below: int | None = 65_536

    def __post_init__(self) -> None:
        require_transform(self.optimizer, "flat: the optimizer")
        if self.below is not None:
            require_non_negative(self, "below", "leaves of fewer numbers are packed; None packs all")
        if not is_elementwise(self.optimizer):
            raise ValueError(
                f"flat: {self.optimizer!r} is not known to treat every number alike: a norm, shape or mask of single "
                "leaves would mean something else for the packed ones; use it without flat"
            )

    def pack(self, tree: PyTree) -> Packed:
        """Lay the small leaves of parameters, or of their gradient, end to end."""
        leaves, structure = jax.tree.flatten(tree)
        is_small = [self.below is None or math.prod(jnp.shape(leaf)) < self.below for leaf in leaves]
        places = tuple(
            jnp.result_type(leaf).name if small else None for leaf, small in zip(leaves, is_small, strict=True)
        )
        return _pack(Layout(structure, tuple(map(jnp.shape, leaves)), places), leaves)

    def init(self, params: Packed) -> PyTree:
        if not is_placeholder(params):
            _require_packed("init", params)
        return self.optimizer.init(params)

    def update(self, updates: Packed, state: PyTree, params: Packed | None = None, **extra: Any) -> tuple[Any, PyTree]:
        _require_packed("update", updates)
        return update_with_extra(self.optimizer, updates, state, params, extra)


def _require_packed(method: str, tree: PyTree) -> None:
    if not isinstance(tree, Packed):
        raise TypeError(
            f"flat.{method} was given a {type(tree).__name__}, not a Packed; pack parameters once before training, "
            "params = optimizer.pack(params), and take the gradient at params.tree()"
        )


def _pack(layout: Layout, leaves: list[Any]) -> Packed:
    vectors = {}
    for dtype in sorted({place for place in layout.places if place is not None}):
        parts = [jnp.ravel(leaf) for leaf, place in zip(leaves, layout.places, strict=True) if place == dtype]
        vectors[dtype] = jnp.concatenate(parts)
    alone = tuple(leaf for leaf, place in zip(leaves, layout.places, strict=True) if place is None)
    return Packed(vectors, alone, layout)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _unpack(layout: Layout, vectors: dict[str, jax.Array], alone: tuple[jax.Array, ...]) -> PyTree:
    taken: dict[str | None, Callable[[], Any]] = {None: iter(alone).__next__}
    for dtype, vector in vectors.items():
        shapes = [shape for shape, place in zip(layout.shapes, layout.places, strict=True) if place == dtype]
        bounds = pairwise(accumulate(map(math.prod, shapes), initial=0))
        parts = [lax.slice(vector, (start,), (stop,)) for start, stop in bounds]
        taken[dtype] = iter([part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]).__next__
    return layout.structure.unflatten([taken[place]() for place in layout.places])


def _unpack_forward(layout: Layout, vectors: dict[str, jax.Array], alone: tuple[jax.Array, ...]) -> tuple[PyTree, None]:
    return _unpack(layout, vectors, alone), None


def _unpack_backward(layout: Layout, _: None, cotangent: PyTree) -> tuple[dict[str, jax.Array], tuple[jax.Array, ...]]:
    packed = _pack(layout, layout.structure.flatten_up_to(cotangent))
    return packed.vectors, packed.alone


_unpack.defvjp(_unpack_forward, _unpack_backward)
