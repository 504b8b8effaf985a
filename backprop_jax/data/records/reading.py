"""Records read in any order, those rows alone that are asked for."""

import os
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from backprop_jax.data.finite_rows import first_not_finite
from backprop_jax.data.records.index import Field, read_index, shard_path

__all__ = ["Records"]

BLOCK = 2**20  # bytes read at a time by `check`


class Records(Sequence):
    """The examples of a folder that `write_records` made, by number; as many as the disk holds.

        records = Records("data/train")
        x, y = records[17]                  # one example
        x, y = records.rows([3, 1, 4, 1])   # a batch

    What is asked for is read, and nothing is kept: the memory of this process holds the rows of a batch, however large
    the folder. They are read and not mapped, for the pages of a mapped file count as the process's own, and a file that
    is cut off under a map ends it without a word. The operating system keeps the files it has memory for. Each file
    is of NumPy's format, so that `np.load(file, mmap_mode="r")` gives it to others.

    It holds no open file, so that threads and processes may share it.

    Raises:   FileNotFoundError, naming it, if the folder, its index or a shard is not there; ValueError, naming the
              file, if the index is damaged or a shard has not the bytes it was written with. That each byte is what it
              was, `check` finds out.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise FileNotFoundError(f"there is no folder {self.folder} of records")
        self._index, self.checksum = read_index(self.folder)
        self._files = [[self._file(field, shard) for shard in range(self._shards)] for field in self._index.fields]

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of an example's arrays."""
        return tuple(field.name for field in self._index.fields)

    @property
    def nbytes(self) -> int:
        """What all examples together would take in memory."""
        return len(self) * sum(field.row_bytes for field in self._index.fields)

    def __len__(self) -> int:
        return self._index.count

    def __getitem__(self, number: int) -> tuple[np.ndarray, ...]:
        return tuple(array[0] for array in self.rows([number]))

    def __repr__(self) -> str:
        return f"Records({str(self.folder)!r})"

    def rows(self, numbers: Iterable[int]) -> tuple[np.ndarray, ...]:
        """The examples of these numbers, one array a field.

        Shapes:   -> (B, ...) each, B the number of numbers.
        Raises:   IndexError for a number that no example has; ValueError, naming file and row, for one that holds NaN
                  or infinity; OSError, naming the file, if it cannot be read or has become shorter.
        """
        chosen = self._numbers(numbers)
        shards, places = np.divmod(chosen, self._index.shard_size)
        # Neighbours are read by one call, and each file is opened once.
        ends = [*(np.flatnonzero((np.diff(chosen) != 1) | (np.diff(shards) != 0)) + 1), len(chosen)]
        runs: dict[int, list[tuple[int, int]]] = {}
        for begin, end in zip([0, *ends], ends, strict=False):
            if begin < end:
                runs.setdefault(int(shards[begin]), []).append((begin, end))
        batch = []
        for field, files in zip(self._index.fields, self._files, strict=True):
            array, size = np.empty((len(chosen), *field.shape), field.dtype), field.row_bytes
            content = array.reshape(-1).view(np.uint8).data
            for shard, pieces in runs.items():
                path, first = files[shard]
                file = os.open(path, os.O_RDONLY)
                try:
                    for begin, end in pieces:
                        _read(path, file, content[begin * size : end * size], first + places[begin] * size)
                finally:
                    os.close(file)
            if found := first_not_finite(array):
                row, value = found
                path, _ = files[shards[row]]
                raise ValueError(f"{path} holds {value} in row {places[row]}, which is example {chosen[row]}")
            batch.append(array)
        return tuple(batch)

    def check(self) -> None:
        """Read all there is, and compare it with the checksums it was written with.

        Raises:   ValueError naming the files whose bytes are not those that were written; OSError as `rows`.
        """
        damaged = []
        for shard in range(self._shards):
            for files, expected in zip(self._files, self._index.checksums[shard], strict=True):
                (path, offset), crc = files[shard], 0
                with path.open("rb") as file:
                    file.seek(offset)
                    while block := file.read(BLOCK):
                        crc = zlib.crc32(block, crc)
                if crc != expected:
                    damaged.append(path.name)
        if damaged:
            more = f" and {len(damaged) - 8} more" if len(damaged) > 8 else ""
            raise ValueError(
                f"{self.folder} is damaged: other bytes than were written in {', '.join(damaged[:8])}{more}"
            )

    @property
    def _shards(self) -> int:
        return len(self._index.checksums)

    def _file(self, field: Field, shard: int) -> tuple[Path, int]:
        """The path, and where in the file the rows begin."""
        path, rows = shard_path(self.folder, field, shard), self._index.rows_of(shard)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            try:
                if np.lib.format.read_magic(file) != (1, 0):
                    raise ValueError("it is of another version of the format")
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            except Exception as error:  # what NumPy raises for a damaged header is of many kinds
                raise ValueError(f"{path} is damaged, or no .npy file: {error}") from error
            offset = file.tell()
        if (shape, fortran, dtype) != ((rows, *field.shape), False, np.dtype(field.dtype)):
            raise ValueError(
                f"{path} is not the file that was written: it has {dtype}{list(shape)}, and the index tells of "
                f"{np.dtype(field.dtype)}{[rows, *field.shape]}"
            )
        if size != offset + rows * field.row_bytes:
            raise ValueError(
                f"{path} is damaged: it has {size} bytes, where its {rows} rows take {offset + rows * field.row_bytes}"
            )
        return path, offset

    def _numbers(self, numbers: Iterable[int]) -> np.ndarray:
        chosen = np.asarray(numbers if isinstance(numbers, np.ndarray) else list(numbers))
        if chosen.ndim != 1 or not (np.issubdtype(chosen.dtype, np.integer) or chosen.size == 0):
            raise ValueError(
                f"the numbers of examples are a vector of integers, not {chosen.dtype}{list(chosen.shape)}"
            )
        chosen = chosen.astype(np.int64)
        if ((chosen < 0) | (chosen >= len(self))).any():
            wrong = int(chosen[(chosen < 0) | (chosen >= len(self))][0])
            raise IndexError(f"{self.folder} has the examples 0 to {len(self) - 1}, and no number {wrong}")
        return chosen


def _read(path: Path, file: int, left: memoryview, offset: int) -> None:
    """As many bytes as there is room for."""
    while left:
        count = os.preadv(file, [left], offset)
        if not count:
            raise OSError(f"{path} has become shorter since it was opened")
        left, offset = left[count:], offset + count
