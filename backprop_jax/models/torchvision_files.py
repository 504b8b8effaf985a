"""ResNets in files of torchvision's names and layouts, so that weights go from one library to the other."""

import os
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import PyTree
from backprop_jax.core.paths import by_path
from backprop_jax.files.tensors import read_tensors, write_tensors

__all__ = ["load_torchvision", "save_torchvision"]

# In a path of ours -> in torchvision's name; None: torchvision has no such level.
LEVELS = {"skip": None, "branch": None, "shortcut": "downsample"}
LEAVES = {"w": "weight", "b": "bias", "scale": "weight", "shift": "bias", "mean": "running_mean", "var": "running_var"}


def save_torchvision(path: str | os.PathLike, params: PyTree, state: PyTree) -> None:
    """Write the parameters and running statistics of a ResNet as the safetensors file of torchvision's model.

    `model.load_state_dict(safetensors.torch.load_file(path))` reads it there. Its number of batches seen, which is not
    kept here, is 0. The file appears whole or not at all.

    Raises:   ValueError for a leaf that no ResNet has; OSError if the file cannot be written; ModuleNotFoundError,
              naming the extra to install, if safetensors is missing.
    """
    named = _by_name(params) | _by_name(state)
    tensors = {name: _to_torch(np.asarray(leaf)) for name, leaf in named.items()}
    write_tensors(path, tensors | dict.fromkeys(_batch_counts(tensors), np.zeros((), np.int64)))


def load_torchvision(path: str | os.PathLike, params: PyTree, state: PyTree) -> tuple[PyTree, PyTree]:
    """Parameters and state of a ResNet, read from a safetensors file of torchvision's model.

    `params` and `state` tell the structure, their leaves arrays or `jax.ShapeDtypeStruct`:
    `load_torchvision(path, *jax.eval_shape(model.init, key, x))`. For another number of classes load with the file's
    number, then put a new layer's parameters in the place of `params["fc"]`.

    Raises:   FileNotFoundError if there is no file; ValueError if it is truncated or no safetensors file, for a leaf
              that no ResNet has, and if the file's tensors are not the model's in name, shape and dtype: the message
              names them; ModuleNotFoundError, naming the extra to install, if safetensors is missing.
    """
    named = _by_name(params) | _by_name(state)
    expected = jax.eval_shape(lambda leaves: jax.tree.map(_to_torch, leaves), named)
    tensors = read_tensors(path, expected, unread=_batch_counts(expected))

    def filled(tree: PyTree) -> PyTree:
        return jax.tree.structure(tree).unflatten(jnp.asarray(_from_torch(tensors[name])) for name in _by_name(tree))

    return filled(params), filled(state)


def _by_name(tree: PyTree) -> dict[str, Any]:
    return {_name(path): leaf for path, leaf in by_path(tree).items()}


def _name(path: str) -> str:
    """`"layer2/0/skip/shortcut/1/scale"` -> `"layer2.0.downsample.1.weight"`."""
    *levels, leaf = path.split("/")
    if leaf not in LEAVES:
        raise ValueError(f"{path} is no parameter or statistic of a ResNet: torchvision has no name for it")
    renamed = (LEVELS.get(level, level) for level in levels)
    return ".".join([level for level in renamed if level is not None] + [LEAVES[leaf]])


def _batch_counts(names: Iterable[str]) -> frozenset[str]:
    """The names of torch's counters of batches, one a norm."""
    mean = ".running_mean"
    return frozenset(name.removesuffix(mean) + ".num_batches_tracked" for name in names if name.endswith(mean))


def _to_torch(leaf: Any) -> Any:
    """A weight (*K, C, F) as (F, C, *K); vectors as they are."""
    return leaf.transpose(leaf.ndim - 1, leaf.ndim - 2, *range(leaf.ndim - 2)) if leaf.ndim > 1 else leaf


def _from_torch(leaf: np.ndarray) -> np.ndarray:
    return leaf.transpose(*range(2, leaf.ndim), 1, 0) if leaf.ndim > 1 else leaf
