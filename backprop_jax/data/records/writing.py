"""Records written one example at a time."""

import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path

import numpy as np

from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.finite_rows import first_not_finite
from backprop_jax.data.records.index import INDEX, Field, Index, shard_path, write_index
from backprop_jax.files.atomic_file import atomic_file

__all__ = ["write_records"]

KINDS = "biufc"  # what .npy files keep, and JAX takes


def write_records(
    folder: str | os.PathLike,
    examples: Iterable[Sequence],
    *,
    shard_size: int = 4096,
    fields: Sequence[str] = ("x", "y"),
) -> int:
    """Write examples, one after another, into a new folder that `Records` reads; returns their number.

    An example is a tuple of arrays or numbers, one for each of `fields`, which name the files; all have the same shapes
    and dtypes. Each field of `shard_size` examples makes a file in NumPy's format, `x-00000.npy`. One example at a time
    is in memory. Each file appears whole or not at all, and `index.json`, without which there are no records, last.

    Raises:   FileExistsError if the folder is there and not empty; ValueError, naming the example by its number from 0,
              if it differs from the first, holds NaN or infinity, or there is none; TypeError for a dtype that .npy
              files do not keep, such as bfloat16; OSError if a file cannot be written.
    """
    size = whole_number(shard_size, least=1)
    if size is None:
        raise ValueError(f"a shard has 1 example or more, a whole number, not {shard_size!r}")
    names = () if isinstance(fields, str) else tuple(fields)
    if not names or len(set(names)) < len(names) or not all(name.isidentifier() for name in names):
        raise ValueError(f"fields have names of letters and digits, one each, not {fields!r}")
    examples = iter(examples)
    first = next(examples, None)
    if first is None:
        raise ValueError(f"there are no examples to write to {folder}")
    forms = _forms(names, _arrays(names, first, 0))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / INDEX).exists() and any(folder.glob("*-00000.npy")):
        raise FileExistsError(f"{folder} holds a part of records that were not finished: remove it first")
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: records are written into a new folder")
    checked, checksums, count = _checked(forms, chain([first], examples)), [], 0
    for example in checked:
        rows, crcs = _write_shard(folder, forms, len(checksums), islice(chain([example], checked), size), size)
        count += rows
        checksums.append(crcs)
    write_index(folder, Index(forms, count, size, tuple(checksums)))
    return count


def _write_shard(
    folder: Path, fields: tuple[Field, ...], shard: int, examples: Iterator[list[np.ndarray]], size: int
) -> tuple[int, tuple[int, ...]]:
    """Returns the number of examples, and the checksum of each field."""
    count, crcs = 0, [0] * len(fields)
    with ExitStack() as stack:
        parts = [stack.enter_context(atomic_file(shard_path(folder, field, shard))) for field in fields]
        files = [stack.enter_context(part.open("wb")) for part in parts]
        for field, file in zip(fields, files, strict=True):
            _write_header(file, field, size)
        for example in examples:
            for part, (file, array) in enumerate(zip(files, example, strict=True)):
                content = array.tobytes()
                file.write(content)
                crcs[part] = zlib.crc32(content, crcs[part])
            count += 1
        if count < size:
            for field, file in zip(fields, files, strict=True):
                file.seek(0)
                _write_header(file, field, count)
    return count, tuple(crcs)


def _write_header(file, field: Field, count: int) -> None:
    """As long for a smaller count, since NumPy leaves room in it for files that grow."""
    header = {"descr": field.dtype, "fortran_order": False, "shape": (count, *field.shape)}
    np.lib.format.write_array_header_1_0(file, header)


def _checked(fields: tuple[Field, ...], examples: Iterable[Sequence]) -> Iterator[list[np.ndarray]]:
    names = tuple(field.name for field in fields)
    for number, example in enumerate(examples):
        arrays = _arrays(names, example, number)
        for field, array in zip(fields, arrays, strict=True):
            if array.shape != field.shape or array.dtype.newbyteorder("<") != field.dtype:
                raise ValueError(
                    f"{field.name} of example {number} is {array.dtype}{list(array.shape)}, and of those before it "
                    f"{np.dtype(field.dtype)}{list(field.shape)}: all examples have the same shapes and dtypes"
                )
            if found := first_not_finite(array[None]):
                raise ValueError(f"{field.name} of example {number} holds {found[1]}")
        yield [array.astype(field.dtype, copy=False) for field, array in zip(fields, arrays, strict=True)]


def _arrays(names: tuple[str, ...], example: Sequence, number: int) -> list[np.ndarray]:
    if not isinstance(example, tuple | list) or len(example) != len(names):
        told = f"{len(example)} parts" if isinstance(example, tuple | list) else type(example).__name__
        raise ValueError(f"an example is a tuple of {len(names)} arrays, {', '.join(names)}; number {number} is {told}")
    return [np.asarray(part) for part in example]


def _forms(names: tuple[str, ...], arrays: list[np.ndarray]) -> tuple[Field, ...]:
    for name, array in zip(names, arrays, strict=True):
        if array.dtype.kind not in KINDS:
            raise TypeError(
                f"records hold numbers that .npy files keep, and {name} is {array.dtype}: "
                "float16 or float32 stands for bfloat16, and numbers for classes"
            )
    return tuple(
        Field(name, array.dtype.newbyteorder("<").str, array.shape) for name, array in zip(names, arrays, strict=True)
    )
