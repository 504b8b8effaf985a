"""Parameters that are a function of other parameters: sharing, masks, low-rank updates, weight norm."""

from collections.abc import Callable
from dataclasses import dataclass

import jax

from backprop_jax.core.checks import require_layer
from backprop_jax.core.cotangents import match_vma, with_float0, without_float0
from backprop_jax.core.layer import Layer, PyTree, call_that_makes

__all__ = ["Reparameterize", "reparameterize", "tie"]


def reparameterize(layer: Layer, fn: Callable[[PyTree], PyTree], init: Callable | None = None) -> "Reparameterize":
    """The layer with parameters `fn(free)`; `free` is what is trained.

    `init(key, params) -> free` makes the free parameters from the layer's own; without it they are the same. Use a
    named function or a frozen dataclass for both, so that the layer equals itself when rebuilt.
    """
    return Reparameterize(layer, fn, init)


def tie(
    layer: Layer, target: str, source: str, transform: Callable[[jax.Array], jax.Array] | None = None
) -> "Reparameterize":
    """The layer with the parameter at path `target` made from that at `source`: `tie(gpt, "head/w", "embed/table")`.

    `transform` is applied on the way (`jnp.transpose`). The free parameters have `None` at the target: the adjoint of
    copying is adding, so the cotangents of both uses arrive at the source.
    """
    copy = CopyLeaf(target, source, transform)
    return Reparameterize(layer, copy, copy.remove_target)


@dataclass(frozen=True)
class Reparameterize(Layer):
    """A layer whose parameters are a function of free parameters.

        y = f(fn(params), x)

    Params:   the free ones.   State, saves: those of f.
    Backward: dparams = fn'ᵀ deffective, where deffective is what f's backward gives and fn'ᵀ comes from `jax.vjp`.
    """

    layer: Layer
    fn: Callable[[PyTree], PyTree]
    init_free: Callable | None = None

    def __post_init__(self) -> None:
        require_layer("reparameterize", self.layer)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        layer_key, free_key = jax.random.split(key)
        params, state = self.layer.init(layer_key, x)
        return (params if self.init_free is None else self.init_free(free_key, params)), state

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        return self.layer.forward(self.fn(params), state, x)

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        effective, pullback = jax.vjp(self.fn, params)
        deffective, dx = self.layer.backward(effective, residuals, dy)
        (dparams,) = pullback(with_float0(match_vma(deffective, effective), effective))
        return without_float0(dparams), dx


@dataclass(frozen=True)
class CopyLeaf:
    """A pytree of tuples and dicts with the leaf at one path made from the leaf at another."""

    target: str
    source: str
    transform: Callable[[jax.Array], jax.Array] | None = None

    def __repr__(self) -> str:
        return call_that_makes(self)

    def __call__(self, params: PyTree) -> PyTree:
        leaf = _get(params, self.source)
        return _set(params, self.target, leaf if self.transform is None else self.transform(leaf))

    def remove_target(self, key: jax.Array, params: PyTree) -> PyTree:
        made = jax.eval_shape(lambda free: _get(self(free), self.target), params)
        own, made = (jax.tree.map(lambda leaf: leaf.shape, tree) for tree in (_get(params, self.target), made))
        if own != made:
            raise ValueError(f"tie: {self.target} has the shape {own}, but {self.source} gives {made}")
        return _set(params, self.target, None)


def _get(tree: PyTree, path: str) -> PyTree:
    for name in path.split("/"):
        tree = tree[_key(tree, name, path)]
    return tree


def _set(tree: PyTree, path: str, value: PyTree) -> PyTree:
    name, _, rest = path.partition("/")
    key = _key(tree, name, path)
    value = _set(tree[key], rest, value) if rest else value
    if isinstance(tree, dict):
        return {**tree, key: value}
    return tuple(value if number == key else part for number, part in enumerate(tree))


def _key(tree: PyTree, name: str, path: str) -> str | int:
    choices = {str(key): key for key in (tree if isinstance(tree, dict) else range(len(tree)))}
    if name not in choices:
        raise ValueError(f"no parameter at {path!r}: {name!r} is none of {', '.join(choices)}")
    return choices[name]
