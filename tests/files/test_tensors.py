"""What `tests/train/test_parameter_files.py`, which reads and writes by these functions, does not see."""

import sys
from pathlib import Path

import numpy as np
import pytest

from backprop_jax.files.tensors import read_tensors, write_tensors

TENSORS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3).T, "count": np.zeros((), np.int64)}


def test_what_is_unread_may_be_there_or_not(tmp_path: Path) -> None:
    write_tensors(tmp_path / "file", TENSORS)
    wanted = {"w": TENSORS["w"]}
    read = read_tensors(tmp_path / "file", wanted, unread=frozenset({"count", "other"}))
    assert list(read) == ["w"]
    np.testing.assert_array_equal(read["w"], TENSORS["w"])
    with pytest.raises(ValueError, match=r"file does not fit the model: count is not in the model$"):
        read_tensors(tmp_path / "file", wanted)


def test_the_order_is_that_of_what_is_expected(tmp_path: Path) -> None:
    write_tensors(tmp_path / "file", TENSORS)
    for names in ("w", "count"), ("count", "w"):
        assert tuple(read_tensors(tmp_path / "file", {name: TENSORS[name] for name in names})) == names


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tensors(tmp_path / "file", TENSORS)

    def fails(self: Path, data: bytes) -> int:
        with open(self, "wb") as file:
            file.write(data[:10])
        raise OSError("no space left on the device")

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(OSError, match="no space left"):
        write_tensors(tmp_path / "file", {})
    monkeypatch.undo()
    assert set(read_tensors(tmp_path / "file", TENSORS)) == set(TENSORS)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (lambda: write_tensors(tmp_path / "file", TENSORS), lambda: read_tensors(tmp_path / "file", TENSORS)):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'backprop-jax\[cli\]'"):
            call()
