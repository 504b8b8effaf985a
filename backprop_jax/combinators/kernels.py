"""The kernels of a layer: the matrices and convolution kernels named `w`, wherever they are in its parameters."""

from collections.abc import Mapping

import jax

from backprop_jax.combinators.scan import Scan
from backprop_jax.core.checks import require_layer
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.paths import path_name
from backprop_jax.core.rewrite import rewrite

__all__ = ["kernels_of", "require_kernels", "with_kernels"]


def kernels_of(params: PyTree) -> dict[str, jax.Array]:
    """Each parameter named `w` with two axes or more, by its path."""
    leaves = jax.tree.leaves_with_path(params)
    return {path_name(path): leaf for path, leaf in leaves if path_name(path[-1:]) == "w" and leaf.ndim >= 2}


def with_kernels(params: PyTree, kernels: Mapping[str, PyTree]) -> PyTree:
    """The parameters with others in place of the kernels at these paths."""
    return jax.tree.map_with_path(lambda path, leaf: kernels.get(path_name(path), leaf), params)


def require_kernels(combinator: str, layer: Layer) -> None:
    """TypeError unless it is a layer, ValueError if kernels in it have an axis for the steps of a scan."""
    require_layer(combinator, layer)

    def require(part: Layer) -> Layer:
        if isinstance(part, Scan):
            raise ValueError(
                f"{combinator} would take one norm of a kernel over all steps of {part}: use it within the scan, "
                f"scan({combinator}(layer), depth)"
            )
        return part

    rewrite(layer, require)
