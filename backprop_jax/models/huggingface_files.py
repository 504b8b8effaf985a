"""Folders in the layout of Hugging Face: `config.json`, `model.safetensors` and, if there is one, `tokenizer.json`."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.layer import PyTree
from backprop_jax.core.paths import by_path
from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.text.byte_pairs import BytePairVocabulary
from backprop_jax.data.text.tokenizer_files import OLDER_FILES, TOKENIZER
from backprop_jax.files.atomic_file import atomic_file
from backprop_jax.files.tensors import read_tensors, tensor_types, write_tensors

__all__ = ["Config", "Names", "load_params", "read_config", "require_params", "save_folder", "unnamed"]

WEIGHTS, CONFIG = "model.safetensors", "config.json"


@dataclass(frozen=True)
class Names:
    """What the parameters of a model are called there.

    A name is that of a leaf, by its path; several names are of parts of its last axis, which are of one length. The
    leaves at `blocks` have a leading axis for the blocks, which are apart there: "h.{}." is what a block's names begin
    with. `transposed` says that matrices, the leaves named w, are outputs times inputs there.
    """

    leaves: Mapping[str, str]
    blocks: str
    block: str
    block_leaves: Mapping[str, str | tuple[str, ...]]
    transposed: bool = False

    def tensors(self, params: PyTree) -> dict[str, jax.Array]:
        """The leaves by their names there.

        Raises:   ValueError, naming it, for a leaf that has none.
        """
        found: dict[str, jax.Array] = {}
        for path, leaf in by_path(params).items():
            for names, part in zip(self._names(path, leaf), leaf if self._is_stacked(path) else [leaf], strict=True):
                pieces = jnp.split(part, len(names), -1)
                found |= {name: self._turned(path, piece) for name, piece in zip(names, pieces, strict=True)}
        return found

    def params(self, like: PyTree, tensors: Mapping[str, np.ndarray]) -> PyTree:
        """The parameters whose `tensors` these are, in the dtypes of `like`."""

        def leaf(path: str, like: jax.ShapeDtypeStruct) -> jax.Array:
            parts = [
                np.concatenate([self._turned(path, tensors[name]) for name in names], -1)
                for names in self._names(path, like)
            ]
            return jnp.asarray(np.stack(parts) if self._is_stacked(path) else parts[0], like.dtype)

        return jax.tree.structure(like).unflatten(leaf(path, each) for path, each in by_path(like).items())

    def _names(self, path: str, leaf: Any) -> list[tuple[str, ...]]:
        """For each block, or once, the names of the parts of a leaf."""
        stacked = self._is_stacked(path)
        names = (self.block_leaves if stacked else self.leaves).get(path.removeprefix(f"{self.blocks}/"))
        if names is None:
            raise ValueError(f"{path} is no parameter of this kind of model: it has no name in its files")
        names = names if isinstance(names, tuple) else (names,)
        if not stacked:
            return [names]
        return [tuple(self.block.format(number) + name for name in names) for number in range(leaf.shape[0])]

    def _is_stacked(self, path: str) -> bool:
        return path.startswith(f"{self.blocks}/")

    def _turned(self, path: str, matrix: Any) -> Any:
        return matrix.T if self.transposed and path.endswith("/w") else matrix


class Config:
    """What a `config.json` says, with errors that name the file."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        self.path, self.content = path, content

    def require(self, name: str, default: Any, *allowed: Any) -> None:
        """ValueError if an entry, `default` if it is not there, is neither that nor another of those allowed."""
        found = self.content.get(name, default)
        if found not in (default, *allowed):
            choice = " or ".join(map(repr, (default, *allowed)))
            raise ValueError(f"{self.path} has {name} {found!r}, but only {choice} can be read here")

    def count(self, name: str, default: int) -> int:
        """A whole number of 1 or more."""
        found = self.content.get(name, default)
        if whole_number(found, least=1) is None:
            raise ValueError(f"{self.path} needs a whole {name} of 1 or more, not {found!r}")
        return found

    def labels(self, classes: int) -> tuple[str, ...]:
        """The names of the classes, in the order of their numbers; without any, so many that say no more than these."""
        found = self.content.get("id2label", dict(enumerate(unnamed(classes))))
        if not isinstance(found, dict) or not found:
            raise ValueError(f"{self.path} needs an object id2label with 1 entry or more, not {found!r}")
        by_number = {str(number): name for number, name in found.items()}
        numbers = list(map(str, range(len(by_number))))
        if {*by_number} != {*numbers} or not all(isinstance(name, str) for name in by_number.values()):
            raise ValueError(f"{self.path} needs an object id2label from the numbers 0, 1, ... to names, not {found!r}")
        return tuple(by_number[number] for number in numbers)


def unnamed(classes: int) -> tuple[str, ...]:
    """What transformers calls classes without names."""
    return tuple(f"LABEL_{number}" for number in range(classes))


def read_config(folder: str | os.PathLike, model_type: str) -> Config:
    """The `config.json` of a folder.

    Raises:   FileNotFoundError if there is none; ValueError if it is no JSON object or of another type of model.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise FileNotFoundError(f"there is no {CONFIG} in {folder}: a model is a folder with it and {WEIGHTS}")
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} needs a JSON object, not {type(content).__name__}")
    if content.get("model_type") != model_type:
        raise ValueError(f"{path} is of a model of type {content.get('model_type')!r}, not {model_type!r}")
    return Config(path, content)


def load_params(
    folder: str | os.PathLike,
    like: PyTree,
    names: Names,
    rename: Callable[[str], str | None],
    copies: Mapping[str, str],
) -> PyTree:
    """Parameters of the structure and dtypes of `like`, from a folder's tensors of any floating dtype.

    `rename` makes of a name in the file that of `names`, or None if the tensor is not read. `copies` are such names in
    the file, each with that of `names` whose tensor it has to be.

    Raises:   ValueError if a copy is none; and as `read_tensors`.
    """
    path = Path(folder) / WEIGHTS
    types = tensor_types(path)
    renamed = {name: rename(name) for name in types}
    own: dict[str, str] = {ours: name for name, ours in renamed.items() if ours is not None}
    unread = frozenset(name for name, ours in renamed.items() if ours is None)
    shapes = jax.eval_shape(names.tensors, like)
    # Where it is not the file's own, the name in the error is ours: there is no other.
    theirs = {str(name): str(name) for name in shapes} | own
    expected = {theirs[name]: _typed(leaf, types.get(theirs[name])) for name, leaf in shapes.items()}
    there = {copy: theirs[name] for copy, name in copies.items() if copy in types and name in shapes}
    shape_of = {theirs[name]: leaf for name, leaf in shapes.items()}
    expected |= {copy: _typed(shape_of[name], types[copy]) for copy, name in there.items()}
    tensors = read_tensors(path, expected, unread)
    for copy, name in there.items():
        if not np.array_equal(tensors[copy], tensors[name], equal_nan=True):
            raise ValueError(f"{path} has a {copy} of its own: only a model where it is {name} can be read here")
    return names.params(like, {name: tensors[theirs[name]] for name in shapes})


def require_params(writer: str, params: PyTree, like: PyTree) -> None:
    """ValueError, naming the first difference, if parameters are not of the structure and shapes of the model's."""
    found, expected = by_path(params), by_path(like)
    for path, leaf in expected.items():
        if path not in found:
            raise ValueError(f"{writer}: the parameters have no {path}, which the model has")
        if np.shape(found[path]) != leaf.shape:
            shapes = f"{list(np.shape(found[path]))}, the model's is {list(leaf.shape)}"
            raise ValueError(f"{writer}: {path} of the parameters is {shapes}")
    for path in found:
        if path not in expected:
            raise ValueError(f"{writer}: the model has no {path}, which the parameters have")


def save_folder(
    folder: str | os.PathLike,
    config: Mapping[str, Any],
    tensors: Mapping[str, jax.Array],
    vocabulary: BytePairVocabulary | None,
    size: int,
) -> None:
    """Write the files of a model, whose tokens are of `size` kinds; each appears whole or not at all.

    The files of another tokenizer are removed: it is of another model, or of an older form.

    Raises:   ValueError, before anything is written, if the vocabulary has more tokens; and as `write_tensors`.
    """
    if vocabulary is not None and len(vocabulary) > size:
        raise ValueError(f"the vocabulary has {len(vocabulary)} tokens, but the model knows only {size}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS, tensors, {"format": "pt"})  # without the note transformers refuses the file
    with atomic_file(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    if vocabulary is not None:
        vocabulary.save(folder / TOKENIZER)
    for name in OLDER_FILES if vocabulary is not None else (TOKENIZER, *OLDER_FILES):
        (folder / name).unlink(missing_ok=True)


def _typed(leaf: jax.ShapeDtypeStruct, dtype: jnp.dtype | None) -> jax.ShapeDtypeStruct:
    return leaf if dtype is None else jax.ShapeDtypeStruct(leaf.shape, dtype)
