import sys
from itertools import chain
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from backprop_jax.data import Records, ordered_batches, shuffled_batches, steps_per_epoch, write_records

COUNT = 53
EXAMPLES = [(np.full((2, 3), number, np.float32), number) for number in range(COUNT)]


def numbers(batches) -> list[list[int]]:
    return [batch[1].tolist() for batch in batches]


def double(example: tuple) -> tuple:
    return example[0] * 2, example[1]


def fail(example: tuple) -> tuple:
    if example[1] == 7:
        raise OSError("image 7 cannot be decoded")
    return example


def test_an_epoch_has_each_example_once_in_batches_of_one_size() -> None:
    batches = list(shuffled_batches(EXAMPLES, 8, seed=1))
    assert steps_per_epoch(EXAMPLES, 8) == len(batches) == 6
    seen = np.concatenate([batch[1] for batch in batches])
    assert len(set(seen.tolist())) == 48 and set(seen.tolist()) <= set(range(COUNT))
    for x, number in batches:
        assert (x.shape, x.dtype) == ((8, 2, 3), np.float32)
        np.testing.assert_array_equal(x, np.broadcast_to(number[:, None, None], x.shape))


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    grain = pytest.importorskip("grain")
    order = lambda seed, epoch: [*chain(*numbers(shuffled_batches(EXAMPLES, 1, seed=seed, epoch=epoch)))]
    orders = {(seed, epoch): tuple(order(seed, epoch)) for seed in range(3) for epoch in range(1, 4)}
    assert len(set(orders.values())) == 9
    assert all(sorted(each) == [*range(COUNT)] for each in orders.values())
    assert tuple(order(2, 3)) == orders[2, 3]
    shuffled = grain.MapDataset.range(COUNT).shuffle(seed=int(np.random.SeedSequence((2, 3)).generate_state(1)[0]))
    assert orders[2, 3] == tuple(shuffled[place] for place in range(COUNT))


@pytest.mark.parametrize("start", [0, 1, 5, 6])
def test_it_begins_anywhere_and_reads_nothing_before(start: int) -> None:
    read: list[int] = []

    class Source:
        def __len__(self) -> int:
            return COUNT

        def __getitem__(self, number: int) -> tuple:
            read.append(number)
            return EXAMPLES[number]

    whole = numbers(shuffled_batches(EXAMPLES, 8, seed=4, epoch=2))
    assert numbers(shuffled_batches(Source(), 8, seed=4, epoch=2, start=start)) == whole[start:]
    assert read == [*chain(*whole[start:])]


@pytest.mark.parametrize("count", [2, 3])
def test_processes_share_the_batches_of_one(count: int) -> None:
    whole = numbers(shuffled_batches(EXAMPLES, 4 * count, seed=4))
    shares = [numbers(shuffled_batches(EXAMPLES, 4, seed=4, shard=(index, count))) for index in range(count)]
    assert {len(share) for share in shares} == {len(whole)} == {steps_per_epoch(EXAMPLES, 4, count)}
    for together, parts in zip(whole, zip(*shares, strict=True), strict=True):
        assert sorted(together) == sorted(chain(*parts))


def test_records_are_read_by_batches_and_mapped(tmp_path: Path) -> None:
    write_records(tmp_path / "a", EXAMPLES, shard_size=20)
    records = Records(tmp_path / "a")
    for mapped in (None, double):
        pairs = zip(shuffled_batches(records, 8, map=mapped), shuffled_batches(EXAMPLES, 8, map=mapped), strict=True)
        for ours, expected in pairs:
            jax.tree.map(np.testing.assert_array_equal, ours, expected)
    ordered = list(ordered_batches(records, 20, map=double))
    assert [len(batch[1]) for batch in ordered] == [20, 20, 13]
    np.testing.assert_array_equal(np.concatenate([batch[0] for batch in ordered]), [2 * x for x, _ in EXAMPLES])
    shard = np.load(tmp_path / "a" / "x-00002.npy", mmap_mode="r+")
    shard[9] = np.inf
    shard.flush()
    with pytest.raises(ValueError, match=r"x-00002\.npy holds inf in row 9, which is example 49"):
        list(ordered_batches(records, 20))


def test_workers_give_the_same_and_tell_what_goes_wrong(tmp_path: Path) -> None:
    """From the middle of an epoch, by two processes, which take turns."""
    write_records(tmp_path / "a", EXAMPLES, shard_size=20)
    options: dict[str, Any] = {"seed": 1, "start": 1, "map": fail}
    expected, loaded = [], shuffled_batches(Records(tmp_path / "a"), 4, workers=2, **options)
    with pytest.raises(OSError, match="image 7 cannot be decoded"):
        for batch in shuffled_batches(EXAMPLES, 4, **options):
            expected.append(batch)  # noqa: PERF402
    assert len(expected) > 3
    for batch in expected:
        jax.tree.map(np.testing.assert_array_equal, next(loaded), batch)
    with pytest.raises(OSError, match="image 7 cannot be decoded"):
        next(loaded)


def test_what_map_raises_is_raised() -> None:
    with pytest.raises(OSError, match="image 7 cannot be decoded"):
        list(ordered_batches(EXAMPLES, 5, map=fail))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((np.full((2, 3), np.nan, np.float32), 30), "example 30 holds nan"),
        (
            (np.zeros((2, 4), np.float32), 30),
            r"example 30 has float32 of shape \[2, 4\], where .* float32 of shape \[2, 3\]",
        ),
        ((np.zeros((2, 3)), 30), "example 30 has float64 of shape .*, where example 28 beside it has float32"),
        ((np.zeros((2, 3)), 30, 0), r"example 30 is of the form .*, and 28 beside it"),
    ],
)
def test_an_example_that_does_not_fit_is_named(change: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(ordered_batches([*EXAMPLES[:30], change, *EXAMPLES[31:]], 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": []}, r"\[\] has no examples"),
        ({"batch_size": 54}, "a batch of 54 is larger than a source, list, of 53 examples"),
        ({"batch_size": 20, "shard": (0, 3)}, "a batch of 20 for each of 3 processes is larger than"),
        ({"batch_size": 0}, "a batch has 1 example or more, a whole number, not 0"),
        ({"batch_size": 2.0}, "a batch has 1 example or more, a whole number, not 2.0"),
        ({"seed": -1}, "seed is a whole number of 0 or more, not -1"),
        ({"epoch": 1.5}, "epoch is a whole number of 0 or more, not 1.5"),
        ({"start": 7}, "an epoch has 6 batches, so none begins after 7 of them"),
        ({"workers": -1}, "workers is a whole number of 0 or more, not -1"),
        ({"shard": (2, 2)}, r"a shard is its number, from 0, and how many there are, not \(2, 2\)"),
    ],
)
def test_what_it_does_not_take(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shuffled_batches(**{"source": EXAMPLES, "batch_size": 8} | options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": []}, r"\[\] has no examples"),
        ({"batch_size": 0}, "a batch has 1 example or more"),
        ({"workers": 0.5}, "workers is a whole number of 0 or more"),
    ],
)
def test_what_ordered_batches_do_not_take(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ordered_batches(**{"source": EXAMPLES, "batch_size": 8} | options)


def test_without_grain_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'backprop-jax\[loading\]'"):
        shuffled_batches(EXAMPLES, 8)
    assert len(list(ordered_batches(EXAMPLES, 8))) == 7
