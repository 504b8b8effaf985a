"""Named tensors in a safetensors file."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.files.atomic_file import atomic_file

__all__ = ["read_metadata", "read_tensors", "tensor_types", "write_tensors"]

Array = jax.Array | np.ndarray

FLOATS = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def write_tensors(
    path: str | os.PathLike, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors under their names, each in its own dtype (bfloat16 too). The file appears whole or not at all.

    Raises:   TypeError for a tensor that is no array of numbers, such as a PRNG key; OSError if the file cannot be
              written; ModuleNotFoundError, naming the extra to install, if safetensors is missing.
    """
    safetensors = _safetensors()
    arrays = {name: _to_numpy(name, tensor) for name, tensor in tensors.items()}
    # Not save_file, whose error for a full disk is no OSError and whose file nobody else may read.
    content = safetensors.numpy.save(arrays, metadata=dict(metadata or {}))
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def read_tensors(
    path: str | os.PathLike, expected: Mapping[str, Array | jax.ShapeDtypeStruct], unread: frozenset[str] = frozenset()
) -> dict[str, np.ndarray]:
    """The tensors of a file that holds those of `expected`, and beside them none but those named in `unread`.

    Raises:   FileNotFoundError if there is no file; ValueError if it is truncated or no safetensors file, and if its
              tensors are not the expected ones in name, shape and dtype: the message names them; ModuleNotFoundError,
              naming the extra to install, if safetensors is missing.
    """
    with _reading(path) as safetensors:
        loaded = safetensors.numpy.load_file(path)
    differences = [f"{name} is missing" for name in expected if name not in loaded]
    differences += [f"{name} is not in the model" for name in loaded if name not in expected and name not in unread]
    for name in expected.keys() & loaded.keys():
        saved, wanted = _describe(loaded[name]), _describe(expected[name])
        if saved != wanted:
            differences.append(f"{name} is {saved}, the model's is {wanted}")
    if differences:
        raise ValueError(f"{path} does not fit the model: {_list(sorted(differences))}")
    return {name: loaded[name] for name in expected}


def tensor_types(path: str | os.PathLike) -> dict[str, jnp.dtype | None]:
    """The names of the tensors in a file, and the dtypes of those that are floating point; None for the others.

    Raises:   as `read_tensors`.
    """
    with _reading(path) as safetensors, safetensors.safe_open(path, framework="numpy") as file:
        found = {name: FLOATS.get(file.get_slice(name).get_dtype()) for name in file.keys()}  # noqa: SIM118
    return {name: None if dtype is None else jnp.dtype(dtype) for name, dtype in found.items()}


def read_metadata(path: str | os.PathLike) -> dict[str, str]:
    """The notes in the file's header, as they were given to `write_tensors`.

    Raises:   as `read_tensors`.
    """
    with _reading(path) as safetensors, safetensors.safe_open(path, framework="numpy") as file:
        return file.metadata() or {}


@contextmanager
def _reading(path: str | os.PathLike) -> Iterator[Any]:
    """The package for reading the file, with errors that name it."""
    safetensors = _safetensors()
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no parameter file at {path}")
    try:
        yield safetensors
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is truncated or not a safetensors file ({error})") from error


def _safetensors():
    try:
        import safetensors
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "parameter files need safetensors, which is not installed: pip install 'backprop-jax[cli]'"
        ) from error
    return safetensors


def _to_numpy(name: str, tensor: Array) -> np.ndarray:
    if jnp.issubdtype(tensor.dtype, jax.dtypes.extended):
        raise TypeError(f"{name} is of type {tensor.dtype}, which a parameter file cannot hold")
    # safetensors writes an array's memory as it lies, so rows must come first.
    return np.ascontiguousarray(tensor).reshape(tensor.shape)


def _describe(tensor: Array | jax.ShapeDtypeStruct) -> str:
    return f"{tensor.dtype}{list(tensor.shape)}"


def _list(differences: list[str], limit: int = 4) -> str:
    rest = len(differences) - limit
    return "; ".join(differences[:limit]) + (f"; and {rest} more" if rest > 0 else "")
