"""A step of training in a file, to be run again elsewhere."""

import json
import os
import zlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.files.tensors import read_metadata, read_tensors, write_tensors
from backprop_jax.harvest.diagnosis.written_values import read_value, write_tree

__all__ = ["Replay", "read_replay", "write_replay"]

HEADER = "backprop_jax replay"
VERSION = 1


class Replay(NamedTuple):
    """What a step starts from."""

    objective: Layer
    params: PyTree
    state: PyTree  # the keys of what draws at random among it
    batch: PyTree
    note: str
    versions: dict[str, str]  # of the packages that wrote it


def write_replay(
    path: str | os.PathLike, objective: Layer, params: PyTree, state: PyTree, batch: PyTree, note: str = ""
) -> None:
    """Write all that a step starts from to one file (safetensors): for `read_replay` and `backprop-jax replay`.

    `params` and `state` are those from before the step; the keys of random draws are in the state. Of the objective the
    file has the text that it prints. The file appears whole or not at all, and needs no pickle.

    Raises:   TypeError for a container in params, state or batch that is no tuple, list, dict or NamedTuple of this
              library; OSError if the file cannot be written; ModuleNotFoundError, naming the extra to install, if
              safetensors is missing.
    """
    tensors: dict[str, np.ndarray] = {}
    keys: dict[str, str] = {}

    def name_of(leaf: Any) -> str:
        name = f"t{len(tensors)}"
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            keys[name], leaf = str(jax.random.key_impl(leaf)), jax.random.key_data(leaf)
        tensors[name] = np.asarray(leaf)
        return name

    trees = {"params": params, "state": state, "batch": batch}
    header = {"version": VERSION, "objective": repr(objective), "note": note}
    header |= {name: write_tree(tree, name_of) for name, tree in trees.items()}
    header |= {
        "keys": keys,
        "types": {name: (str(array.dtype), array.shape) for name, array in tensors.items()},
        "checksum": _checksum(tensors),
        "versions": {"backprop_jax": backprop_jax.__version__, "jax": jax.__version__, "numpy": np.__version__},
    }
    write_tensors(path, tensors, {HEADER: json.dumps(header)})


def read_replay(path: str | os.PathLike, objective: Layer | None = None) -> Replay:
    """What `write_replay` wrote. An `objective` takes the place of the one in the file.

    The objective is made again from its text, of the layers, losses and combinators of this library alone: nothing in
    the file is run. One that holds a function or a layer of yours has to be given.

    Raises:   FileNotFoundError if there is no file; ValueError if it is damaged or none of `write_replay`, and if its
              objective cannot be made again; ModuleNotFoundError if safetensors is missing.
    """
    metadata = read_metadata(path)
    if HEADER not in metadata:
        raise ValueError(f"{path} is no replay file: it has no header {HEADER!r}")
    try:
        header = json.loads(metadata[HEADER])
        if header["version"] != VERSION:
            raise ValueError(f"it is of version {header['version']!r}, and this library reads {VERSION}")
        types = {
            name: jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for name, (dtype, shape) in header["types"].items()
        }
        tensors = read_tensors(path, types)
        if _checksum(tensors) != header["checksum"]:
            raise ValueError("its numbers are not those that were written")
        leaves = {name: _leaf(array, header["keys"].get(name)) for name, array in tensors.items()}
        params, state, batch = (read_value(header[name], leaves) for name in ("params", "state", "batch"))
        text, note, versions = header["objective"], header["note"], header["versions"]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        told = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} cannot be read: {told}") from error
    return Replay(_objective(text) if objective is None else objective, params, state, batch, note, versions)


def _objective(text: str) -> Layer:
    try:
        layer = read_value(text)
        if not isinstance(layer, Layer) or repr(layer) != text:
            raise ValueError("it prints otherwise when it is made again")
    except ValueError as error:
        told = f"the objective cannot be made again from its text, so it has to be given as objective: {error}"
        raise ValueError(told) from error
    return layer


def _leaf(array: np.ndarray, implementation: str | None) -> jax.Array:
    leaf = jnp.asarray(array)
    return leaf if implementation is None else jax.random.wrap_key_data(leaf, impl=implementation)


def _checksum(tensors: dict[str, Any]) -> int:
    checksum = 0
    for name in sorted(tensors):
        checksum = zlib.crc32(np.ascontiguousarray(tensors[name]).tobytes(), checksum)
    return checksum
