import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from backprop_jax.data import Records, write_records

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(25, 2, 3)).astype(np.float32), RNG.integers(0, 9, 25)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_records(tmp_path / "records", zip(X, Y, strict=True), shard_size=10)
    return tmp_path / "records"


@pytest.mark.parametrize(
    "numbers", [range(25), [24, 0], [3, 3, 3], RNG.permutation(25), [9, 10, 11, 8, 19, 20], [7], [], np.arange(5, 22)]
)
def test_the_rows_that_are_asked_for(numbers: list, folder: Path) -> None:
    x, y = Records(folder).rows(numbers)
    np.testing.assert_array_equal(x, X[np.asarray(numbers, int)])
    np.testing.assert_array_equal(y, Y[np.asarray(numbers, int)])
    assert (x.dtype, y.dtype) == (np.float32, np.int64)


def test_a_sequence_of_examples(folder: Path) -> None:
    records = Records(folder)
    assert (len(records), records.fields, records.nbytes) == (25, ("x", "y"), 25 * (24 + 8))
    examples = list(records)
    assert len(examples) == 25
    for example, x, y in zip(examples, X, Y, strict=True):
        np.testing.assert_array_equal(example[0], x)
        assert example[1] == y
    for wrong in (25, -1):
        with pytest.raises(IndexError, match=f"the examples 0 to 24, and no number {wrong}"):
            records[wrong]
    with pytest.raises(ValueError, match=r"a vector of integers, not float64\[1\]"):
        records.rows([0.5])  # type: ignore[list-item]


def test_it_holds_no_file_and_travels(folder: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    records = pickle.loads(pickle.dumps(Records(folder)))
    np.testing.assert_array_equal(records.rows([12])[1], Y[12:13])
    assert len(os.listdir("/dev/fd")) == before


def test_nan_is_told_by_file_and_row(folder: Path) -> None:
    path = folder / "x-00001.npy"
    shard = np.load(path, mmap_mode="r+")
    shard[4, 1, 2] = np.nan
    shard.flush()
    records = Records(folder)
    records.rows([13, 15])
    with pytest.raises(ValueError, match=r"x-00001\.npy holds nan in row 4, which is example 14"):
        records.rows([3, 14, 20])
    with pytest.raises(ValueError, match=r"is damaged: other bytes than were written in x-00001\.npy$"):
        records.check()


def test_a_byte_that_turned(folder: Path) -> None:
    records = Records(folder)
    records.check()
    for name in ("y-00000.npy", "x-00002.npy"):
        content = bytearray((folder / name).read_bytes())
        content[-3] ^= 1
        (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=r"is damaged: .* in y-00000\.npy, x-00002\.npy$"):
        records.check()


def test_a_shard_that_is_missing_cut_off_or_of_something_else(folder: Path) -> None:
    path = folder / "y-00002.npy"
    whole = path.read_bytes()
    records = Records(folder)
    path.write_bytes(whole[:-4])
    with pytest.raises(OSError, match=r"y-00002\.npy has become shorter"):
        records.rows([24])
    with pytest.raises(ValueError, match=r"y-00002\.npy is damaged: it has 164 bytes, where its 5 rows take 168"):
        Records(folder)
    path.write_bytes(b"\0" * len(whole))
    with pytest.raises(ValueError, match=r"y-00002\.npy is damaged, or no \.npy file"):
        Records(folder)
    np.save(path, np.zeros(5, np.float32))
    with pytest.raises(ValueError, match=r"it has float32\[5\], and the index tells of int64\[5\]"):
        Records(folder)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"y-00002\.npy"):
        Records(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:-30], "index.json is damaged"),
        (lambda text: text.replace('"count": 25', '"count": 24'), "its bytes are not those that were written"),
        (lambda text: "[1, 2]", "index.json is damaged"),
        (lambda text: "", "index.json is damaged"),
    ],
)
def test_a_damaged_index(change, message: str, folder: Path) -> None:
    index = folder / "index.json"
    index.write_text(change(index.read_text()))
    with pytest.raises(ValueError, match=message):
        Records(folder)


def test_no_records(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        Records(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match=r"has no index\.json.*write_records makes one"):
        Records(tmp_path)
