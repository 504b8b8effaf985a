import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.data import Records, write_records

GOOD = (np.zeros(3, np.float32), 1)


def test_each_shard_of_a_field_is_a_file_that_numpy_reads(tmp_path: Path) -> None:
    images = np.arange(7 * 2 * 3, dtype=np.uint8).reshape(7, 2, 3)
    labels = np.arange(7, dtype=np.int16)
    assert write_records(tmp_path / "a", zip(images, labels, strict=True), shard_size=3, fields=("image", "label")) == 7
    names = [f"{field}-0000{shard}.npy" for field in ("image", "label") for shard in range(3)]
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [*names[:3], "index.json", *names[3:]]
    read = {name: np.load(tmp_path / "a" / name, mmap_mode="r", allow_pickle=False) for name in names}
    np.testing.assert_array_equal(np.concatenate([read[name] for name in names[:3]]), images)
    np.testing.assert_array_equal(np.concatenate([read[name] for name in names[3:]]), labels)
    assert read["label-00002.npy"].dtype == np.int16
    assert json.loads((tmp_path / "a" / "index.json").read_text())["count"] == 7


@pytest.mark.parametrize("count", [3, 6, 1])
def test_whole_shards_and_one_example(count: int, tmp_path: Path) -> None:
    assert write_records(tmp_path, ((number,) for number in range(count)), shard_size=3, fields=["n"]) == count
    np.testing.assert_array_equal(Records(tmp_path).rows(range(count))[0], np.arange(count))


def test_one_example_at_a_time_is_asked_for(tmp_path: Path) -> None:
    alive: list[int] = []

    class Counted:
        def __array__(self, *args: Any, **options: Any) -> np.ndarray:
            return np.zeros(2, np.float32)

        def __del__(self) -> None:
            alive.pop()

    def examples() -> Iterator[tuple]:
        for _ in range(20):
            alive.append(1)
            yield (Counted(),)
            assert len(alive) <= 3

    assert write_records(tmp_path, examples(), fields=("x",), shard_size=8) == 20


def test_what_fails_on_the_way_leaves_no_records(tmp_path: Path) -> None:
    def failing() -> Iterator[tuple]:
        for _ in range(5):
            yield GOOD
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_records(tmp_path / "a", failing(), shard_size=2)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        f"{field}-0000{shard}.npy" for field in "xy" for shard in range(2)
    ]
    with pytest.raises(FileNotFoundError, match=r"has no index\.json.*did not come to its end: write them anew"):
        Records(tmp_path / "a")
    with pytest.raises(FileExistsError, match="holds a part of records that were not finished: remove it first"):
        write_records(tmp_path / "a", [GOOD])


@pytest.mark.parametrize(
    ("examples", "options", "error", "message"),
    [
        ([], {}, ValueError, "no examples to write"),
        ([GOOD, (np.zeros(4, np.float32), 1)], {}, ValueError, r"x of example 1 is float32\[4\].*float32\[3\]"),
        ([GOOD, (np.zeros(3), 1)], {}, ValueError, r"x of example 1 is float64\[3\]"),
        ([GOOD, GOOD[:1]], {}, ValueError, r"a tuple of 2 arrays, x, y; number 1 is 1 parts"),
        ([np.zeros(2)], {}, ValueError, r"a tuple of 2 arrays, x, y; number 0 is ndarray"),
        ([GOOD, (np.array([0, np.nan, 0], np.float32), 1)], {}, ValueError, "x of example 1 holds nan"),
        ([(np.float32(-np.inf), 1)], {}, ValueError, "x of example 0 holds -inf"),
        ([(jnp.zeros(2, jnp.bfloat16), 1)], {}, TypeError, "x is bfloat16: float16 or float32"),
        ([("cat", 1)], {}, TypeError, "x is <U3: .*numbers for classes"),
        ([GOOD], {"shard_size": 0}, ValueError, "a shard has 1 example or more, a whole number, not 0"),
        ([GOOD], {"fields": ("x", "x")}, ValueError, "fields have names of letters and digits, one each"),
        ([GOOD], {"fields": ("../x", "y")}, ValueError, "fields have names of letters and digits, one each"),
    ],
)
def test_what_it_does_not_take(
    examples: Iterable, options: dict, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        write_records(tmp_path / "a", examples, **options)
