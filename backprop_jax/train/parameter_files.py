"""Parameters, and the state that a model has beside them, in a safetensors file."""

import os
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from backprop_jax.core.keys import is_key
from backprop_jax.core.layer import PyTree
from backprop_jax.core.paths import by_path
from backprop_jax.files.tensors import read_tensors, write_tensors

__all__ = ["load_model", "load_params", "save_model", "save_params"]


def save_params(path: str | os.PathLike, params: PyTree, metadata: Mapping[str, str] | None = None) -> None:
    """Write parameters to one file, each leaf under its path, such as `"0/w"`, in its own dtype (bfloat16 too).

    `metadata` goes into the file's header, for people and tools to read. The file appears whole or not at all.

    Raises:   TypeError for a leaf that is no array of numbers, such as a PRNG key; OSError if the file cannot be
              written; ModuleNotFoundError, naming the extra to install, if safetensors is missing.
    """
    write_tensors(path, by_path(params), metadata)


def load_params(path: str | os.PathLike, like: PyTree) -> PyTree:
    """Read parameters into the structure of `like`, whose leaves are arrays or `jax.ShapeDtypeStruct`.

    Raises:   FileNotFoundError if there is no file; ValueError if it is truncated or no safetensors file, and if its
              leaves are not those of `like` in name, shape and dtype: the message names them.
    """
    loaded = read_tensors(path, by_path(like))
    return jax.tree.structure(like).unflatten(map(jnp.asarray, loaded.values()))


def save_model(
    path: str | os.PathLike, params: PyTree, state: PyTree, metadata: Mapping[str, str] | None = None
) -> None:
    """Write all that evaluation needs: parameters as `save_params` does, and the state's arrays, such as running means.

    A leaf of the state is named by its path below "state", such as `"state/1/mean"`. PRNG keys are left out: they are
    for training, and drawn anew. So a model without other state makes the file of `save_params`.

    Raises:   as `save_params`; ValueError if the model has a parameter of the same name.
    """
    write_tensors(path, _named(params, state), metadata)


def load_model(path: str | os.PathLike, params: PyTree, state: PyTree) -> tuple[PyTree, PyTree]:
    """Read parameters and state into the structure of these, whose PRNG keys are kept.

    Raises:   as `load_params`.
    """
    loaded = read_tensors(path, _named(params, state))
    new_params = [jnp.asarray(loaded[name]) for name in by_path(params)]
    new_state = [
        leaf if is_key(leaf) else jnp.asarray(loaded[f"state/{name}"]) for name, leaf in by_path(state).items()
    ]
    return jax.tree.structure(params).unflatten(new_params), jax.tree.structure(state).unflatten(new_state)


def _named(params: PyTree, state: PyTree) -> dict[str, Any]:
    parameters = by_path(params)
    numbers = {f"state/{name}": leaf for name, leaf in by_path(state).items() if not is_key(leaf)}
    if both := parameters.keys() & numbers.keys():
        raise ValueError(f"{min(both)} is a parameter and part of the state: call that layer something else")
    return parameters | numbers
