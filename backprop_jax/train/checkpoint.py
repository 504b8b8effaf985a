"""Parameters in a safetensors file."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import PyTree
from backprop_jax.train.atomic_file import atomic_file

__all__ = ["load_params", "save_params"]


def save_params(path: str | os.PathLike, params: PyTree, metadata: Mapping[str, str] | None = None) -> None:
    """Write parameters to one file, each leaf under its path, such as `"0/w"`, in its own dtype (bfloat16 too).

    `metadata` goes into the file's header, for people and tools to read. The file appears whole or not at all.

    Raises:   TypeError for a leaf that is no array of numbers, such as a PRNG key; OSError if the file cannot be
              written; ModuleNotFoundError, naming the extra to install, if safetensors is missing.
    """
    safetensors = _safetensors()
    arrays = {name: _to_numpy(name, leaf) for name, leaf in _by_path(params).items()}
    # Not save_file, whose error for a full disk is no OSError and whose file nobody else may read.
    content = safetensors.numpy.save(arrays, metadata=dict(metadata or {}))
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def load_params(path: str | os.PathLike, like: PyTree) -> PyTree:
    """Read parameters into the structure of `like`, whose leaves are arrays or `jax.ShapeDtypeStruct`.

    Raises:   FileNotFoundError if there is no file; ValueError if it is truncated or no safetensors file, and if its
              leaves are not those of `like` in name, shape and dtype: the message names them.
    """
    safetensors = _safetensors()
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no parameter file at {path}")
    try:
        loaded = safetensors.numpy.load_file(path)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is truncated or not a safetensors file ({error})") from error
    expected = _by_path(like)
    differences = [f"{name} is missing" for name in expected if name not in loaded]
    differences += [f"{name} is not in the model" for name in loaded if name not in expected]
    for name in expected.keys() & loaded.keys():
        saved, wanted = _describe(loaded[name]), _describe(expected[name])
        if saved != wanted:
            differences.append(f"{name} is {saved}, the model's is {wanted}")
    if differences:
        raise ValueError(f"{path} does not fit the model: {_list(sorted(differences))}")
    return jax.tree.structure(like).unflatten(jnp.asarray(loaded[name]) for name in expected)


def _safetensors():
    try:
        import safetensors
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "parameter files need safetensors, which is not installed: pip install 'backprop-jax[cli]'"
        ) from error
    return safetensors


def _by_path(tree: PyTree) -> dict[str, Any]:
    leaves, _ = jax.tree.flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def _to_numpy(name: str, leaf: jax.Array) -> np.ndarray:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.extended):
        raise TypeError(f"{name} is of type {leaf.dtype}, which a parameter file cannot hold")
    # safetensors writes an array's memory as it lies, so rows must come first.
    return np.ascontiguousarray(leaf).reshape(leaf.shape)


def _describe(leaf: np.ndarray | jax.Array | jax.ShapeDtypeStruct) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}"


def _list(differences: list[str], limit: int = 4) -> str:
    rest = len(differences) - limit
    return "; ".join(differences[:limit]) + (f"; and {rest} more" if rest > 0 else "")
