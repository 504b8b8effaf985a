"""Weights by name in the trees of every framework, where all frameworks' modules have the same names.

A name is a path of modules and a leaf: "layer1/0/conv1/w". Norms are named bn..., ln... or norm, tables embedding,
positions, types or wpe. Layouts are ours and flax's: dense (in, out), convolution (H, W, in, out), table (rows, width).
PyTorch and equinox have the axes of the first two the other way round, with the image's in their order.
"""

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["channels_first", "channels_last", "fill", "name_of", "named"]

OF_NORMS = {"weight": "scale", "bias": "shift"}
OF_TABLES = {"weight": "table", "embedding": "table"}
OF_OTHERS = {"weight": "w", "kernel": "w", "bias": "b"}
NORMS, TABLES = ("bn", "ln", "norm"), ("embedding", "positions", "types", "wpe")
# Which hold modules and add nothing to their names.
CONNECTIONS = {"params", "skip", "branch", "bert", "body", "blocks", "project", "mix", "act"}
UNNAMED = {"/project/0/": "/", "/project/1/": "/c_kv/"}  # of ours: modules that have a place and no name


def name_of(path: str) -> str:
    """The name of a leaf from its path in a framework: "layer1.0.bn1.weight" is "layer1/0/bn1/scale"."""
    path = path.replace(".", "/")
    for place, name in UNNAMED.items():
        path = path.replace(place, name)
    *modules, leaf = [part for part in path.split("/") if part not in CONNECTIONS]
    module = modules[-1] if modules else ""
    translated = OF_NORMS if module.startswith(NORMS) else OF_TABLES if module in TABLES else OF_OTHERS
    return "/".join((*modules, translated.get(leaf, leaf)))


def named(tree: Any, layout: Callable[[Any], Any] = lambda leaf: leaf) -> dict[str, Any]:
    """The leaves of a JAX tree by name."""
    import jax

    return {_name(path): layout(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def fill(tree: Any, weights: Mapping[str, Any], layout: Callable[[Any], Any] = lambda leaf: leaf) -> Any:
    """A JAX tree with the weights of these names in the place of its leaves, each in the shape of the leaf."""
    import jax

    return jax.tree_util.tree_map_with_path(lambda path, leaf: layout(weights[_name(path)]).reshape(leaf.shape), tree)


def _name(path: tuple) -> str:
    import jax

    return name_of(jax.tree_util.keystr(path, simple=True, separator="/"))


def channels_first(leaf: Any) -> Any:
    """A weight of ours as PyTorch and equinox have it: (H, W, in, out) to (out, in, H, W), (in, out) to (out, in)."""
    return leaf.transpose(3, 2, 0, 1) if leaf.ndim == 4 else leaf.T


def channels_last(leaf: Any) -> Any:
    """The way back. Of equinox's biases (out, 1, 1) the axes of the image go."""
    match leaf.ndim:
        case 4:
            return leaf.transpose(2, 3, 1, 0)
        case 3:
            return leaf.reshape(-1)
        case _:
            return leaf.T
