"""What a folder of records holds, in its file index.json."""

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backprop_jax.files.atomic_file import atomic_file

__all__ = ["INDEX", "Field", "Index", "read_index", "shard_path", "write_index"]

INDEX = "index.json"
FORMAT = "backprop_jax records 1"


@dataclass(frozen=True)
class Field:
    """One array of each example."""

    name: str
    dtype: str  # NumPy's, with its byte order
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


@dataclass(frozen=True)
class Index:
    """The fields, and by shard a CRC-32 of the rows of each. All shards but the last have the same number of rows."""

    fields: tuple[Field, ...]
    count: int  # of examples
    shard_size: int
    checksums: tuple[tuple[int, ...], ...]  # by shard, then by field

    def rows_of(self, shard: int) -> int:
        return min(self.shard_size, self.count - shard * self.shard_size)


def shard_path(folder: Path, field: Field, shard: int) -> Path:
    return folder / f"{field.name}-{shard:05}.npy"


def write_index(folder: Path, index: Index) -> int:
    """Returns its checksum, which stands in it too."""
    content = {"format": FORMAT, **asdict(index)}
    content["checksum"] = checksum = _checksum(content)
    with atomic_file(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return checksum


def read_index(folder: Path) -> tuple[Index, int]:
    """The index, and its checksum.

    Raises:   FileNotFoundError if there is none; ValueError if it is damaged.
    """
    path = folder / INDEX
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        begun = any(folder.glob("*-00000.npy"))
        reason = "write_records did not come to its end: write them anew" if begun else "write_records makes one"
        raise FileNotFoundError(f"{folder} has no {INDEX}, without which it holds no records: {reason}") from None
    try:
        content: dict[str, Any] = json.loads(text)
        checksum, told = _checksum(content), content["format"]
        fields = tuple(Field(each["name"], each["dtype"], tuple(each["shape"])) for each in content["fields"])
        checksums = tuple(tuple(each) for each in content["checksums"])
        index = Index(fields, content["count"], content["shard_size"], checksums)
        sound = content["checksum"] == checksum
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error!r}") from error
    if not sound:
        raise ValueError(f"{path} is damaged: its bytes are not those that were written")
    if told != FORMAT:
        raise ValueError(f"{path} is of the format {told!r}, and what is read here is {FORMAT!r}")
    return index, checksum


def _checksum(content: Mapping[str, Any]) -> int:
    rest = {name: value for name, value in content.items() if name != "checksum"}
    return zlib.crc32(json.dumps(rest, sort_keys=True).encode())
