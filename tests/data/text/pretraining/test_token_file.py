import tracemalloc
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from backprop_jax.data import random_windows, read_tokens, stream_batches, write_tokens


@pytest.mark.parametrize(("size", "width"), [(65_536, 2), (65_537, 4)])
def test_chunks_come_back_as_one_vector(tmp_path: Path, size: int, width: int) -> None:
    path = tmp_path / "tokens.npy"
    chunks = [[0, 1], np.array([size - 1], np.int64), [], np.arange(5000, dtype=np.int32)]
    assert write_tokens(path, iter(chunks), size) == 5003
    tokens = read_tokens(str(path))
    assert tokens.tolist() == [0, 1, size - 1, *range(5000)]
    assert (tokens.dtype.kind, tokens.dtype.itemsize) == ("u", width)
    assert np.array_equal(np.load(path), tokens)  # by NumPy alone
    assert path.stat().st_size == 128 + 5003 * width
    assert not tokens.flags.writeable


def test_batches_of_a_file_are_those_of_the_array(tmp_path: Path) -> None:
    tokens = np.random.default_rng(0).integers(0, 99, 500, dtype=np.int32)
    write_tokens(tmp_path / "tokens.npy", [tokens], 99)
    read = read_tokens(tmp_path / "tokens.npy")
    for make in (lambda t: islice(random_windows(t, 4, 7, 0), 5), lambda t: stream_batches(t, 4, 7)):
        for ours, theirs in zip(make(read), make(tokens), strict=True):
            assert all(part.dtype == np.int32 for part in ours)
            assert np.array_equal(ours, theirs)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    count = 50_000_000
    with (tmp_path / "large.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<u2", "fortran_order": False, "shape": (count,)})
        file.truncate(file.tell() + 2 * count)  # sparse: 100 MB of zeros that are nowhere
    tracemalloc.start()
    try:
        tokens = read_tokens(tmp_path / "large.npy")
        batches = random_windows(tokens, 8, 256, 0)
        assert all((next(batches)[0] == 0).all() for _ in range(20))
        assert (next(stream_batches(tokens, 8, 256))[0] == 0).all()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(tokens) == count
    assert peak < 2_000_000


def test_a_failure_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "tokens.npy"
    write_tokens(path, [[1, 2]], 10)
    for chunks in ([[1], [10]], [[1], [[2]]], [], [[]]):
        with pytest.raises(ValueError, match=r"token 10 at \[0\]|a vector, not|no tokens to write to .*tokens\.npy"):
            write_tokens(path, chunks, 10)
    assert read_tokens(path).tolist() == [1, 2]
    assert [file.name for file in tmp_path.iterdir()] == ["tokens.npy"]


@pytest.mark.parametrize("size", [0, 1.5, True])
def test_a_size_that_is_none_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(ValueError, match="a whole number of 1 or more, not"):
        write_tokens(tmp_path / "tokens.npy", [[0]], size)


@pytest.mark.parametrize("kept", [0, 3, 50, 127, 129, 147])
def test_a_truncated_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "tokens.npy"
    write_tokens(path, [range(10)], 10)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"tokens\.npy is truncated or no \.npy file"):
        read_tokens(path)


def test_a_file_that_is_too_long_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokens.npy"
    write_tokens(path, [range(10)], 10)
    path.write_bytes(path.read_bytes() + b"\x00")
    with pytest.raises(ValueError, match=r"tokens\.npy is damaged: it has 149 bytes, where 10 tokens take 148"):
        read_tokens(path)


def test_a_damaged_header_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokens.npy"
    write_tokens(path, [range(10)], 10)
    whole = path.read_bytes()
    for place in (1, 6, 8, 12, 25, 40):  # magic, version, length of the header, its keys
        for byte in b"\x00#{'\xff":
            path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            with pytest.raises(ValueError, match=r"tokens\.npy is truncated or no \.npy file"):
                read_tokens(path)


def test_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "other.npy"
    for content, message in (
        (np.ones(3), "must hold a vector of integers, not float64"),
        (np.ones((2, 3), int), r"must hold a vector of integers, not int64 of shape \(2, 3\)"),
        (np.array(["a", {}], object), r"truncated or no \.npy file"),
    ):
        np.save(path, content, allow_pickle=True)
        with pytest.raises(ValueError, match=rf"other\.npy .*{message}"):
            read_tokens(path)
    path.write_text("To be, or not to be")
    with pytest.raises(ValueError, match=r"other\.npy is truncated or no \.npy file"):
        read_tokens(path)
    with path.open("wb") as file:
        np.savez(file, tokens=np.ones(3, int))
    with pytest.raises(ValueError, match=r"other\.npy holds several arrays"):
        read_tokens(path)
    with pytest.raises(FileNotFoundError, match=r"no\.npy"):
        read_tokens(tmp_path / "no.npy")
