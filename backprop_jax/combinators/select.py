"""One component of a tuple or a dict."""

from dataclasses import dataclass

import jax

from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.static import Static

__all__ = ["Select", "select"]


def select(component: int | str) -> "Select":
    """`x -> x[component]`: an entry of a tuple by position, of a dict by name."""
    return Select(component)


@dataclass(frozen=True)
class Select(Layer):
    """One component of the input; the others are dropped.

        y = x[component]

    Params, state: none.   Saves: no array.
    Backward: dx[component] = dy, and None for the other components.
    Raises:   ValueError if x has no such component.
    """

    is_wiring = True
    component: int | str

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        components: dict[int | str, PyTree] = {}
        if isinstance(x, dict):
            components.update(x)
        elif isinstance(x, tuple | list):
            components.update((number, x[number]) for number in range(-len(x), len(x)))
        if self.component not in components:
            found = f"whose components are {list(components)}" if components else "that has no components"
            raise ValueError(f"select({self.component!r}) on an input {found}")
        return components[self.component], state, Static(jax.tree.structure(x, is_leaf=lambda node: node is not x))

    def backward(self, params: PyTree, residuals: Static, dy: PyTree) -> tuple[PyTree, PyTree]:
        one_level = residuals.value
        places = one_level.unflatten(range(one_level.num_leaves))
        dx = [dy if place == places[self.component] else None for place in range(one_level.num_leaves)]
        return (), one_level.unflatten(dx)
