import json
import zlib
from pathlib import Path

import pytest

from backprop_jax.data import write_records
from backprop_jax.data.records.index import Field, Index, read_index


def test_it_tells_what_was_written(tmp_path: Path) -> None:
    write_records(tmp_path, [(number, 0.5) for number in range(5)], shard_size=3, fields=("a", "b"))
    index, checksum = read_index(tmp_path)
    numbers = [int(number).to_bytes(8, "little") for number in range(5)]
    halves = bytes.fromhex("000000000000e03f")
    checksums = tuple(
        (zlib.crc32(b"".join(numbers[rows])), zlib.crc32(halves * len(numbers[rows])))
        for rows in (slice(3), slice(3, 5))
    )
    assert index == Index((Field("a", "<i8", ()), Field("b", "<f8", ())), 5, 3, checksums)
    assert checksum == json.loads((tmp_path / "index.json").read_text())["checksum"]
    assert [index.rows_of(0), index.rows_of(1)] == [3, 2]


def test_another_format_is_named(tmp_path: Path) -> None:
    content = {"format": "records 2", "fields": [], "count": 0, "shard_size": 1, "checksums": []}
    content["checksum"] = zlib.crc32(json.dumps(content, sort_keys=True).encode())
    (tmp_path / "index.json").write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match=r"of the format 'records 2', and what is read here is 'backprop_jax records 1"
    ):
        read_index(tmp_path)
