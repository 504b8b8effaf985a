"""Batches of a source that need not fit in memory: shuffled by grain, of any epoch, from any step on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import numpy as np

from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.finite_rows import first_not_finite

__all__ = ["Source", "ordered_batches", "shuffled_batches", "steps_per_epoch"]

Batch = Any  # a tree of arrays


class Source(Protocol):
    """Examples by number, each a tree of arrays: `Records`, a list of tuples, or one of grain's sources.

    One that has `rows(numbers)` too, as `Records`, is asked for a batch at once.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Any: ...


def shuffled_batches(
    source: Source,
    batch_size: int,
    *,
    seed: int = 0,
    epoch: int = 1,
    start: int = 0,
    shard: tuple[int, int] = (0, 1),
    workers: int = 0,
    map: Callable[[Any], Any] | None = None,
) -> Iterator[Batch]:
    """One epoch of a source, in an order that depends on `seed` and `epoch` alone, without the incomplete last batch.

    It begins after `start` batches, and reads nothing of those. `map` makes of an example what is trained on, such as
    by decoding a file. With `workers` that many processes read and map; the batches are the same. They take seconds to
    start, and a script that uses them needs `if __name__ == "__main__":`, as ever with multiprocessing.

    With `shard=(jax.process_index(), jax.process_count())` each process gets its own share of every epoch, all as many
    batches; together, step by step, these hold the examples that one process has in a batch as large as all of theirs.

    Raises:   at the call: ModuleNotFoundError, naming the extra to install, if grain is missing; ValueError if the
              source is empty or has too few examples for one batch, and for a seed, epoch, start, shard or workers that
              there cannot be. At a batch: ValueError, naming the example, if it holds NaN or infinity, or differs in
              shape from those beside it; and whatever the source and `map` raise.
    """
    index, count = _shard(shard)
    steps = steps_per_epoch(source, batch_size, count)
    for name, value, least in (("seed", seed, 0), ("epoch", epoch, 0), ("start", start, 0), ("workers", workers, 0)):
        if whole_number(value, least) is None:
            raise ValueError(f"{name} is a whole number of {least} or more, not {value!r}")
    if start > steps:
        raise ValueError(f"an epoch has {steps} batches, so none begins after {start} of them")
    # grain adds an epoch's number to the seed: epoch 1 of seed 0 would be epoch 0 of seed 1.
    mixed = int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])
    order = _grain().MapDataset.range(len(source)).shuffle(seed=mixed)
    return _batches(_Read(source, order, batch_size, index, count, map), start, steps, workers)


def ordered_batches(
    source: Source, batch_size: int, *, workers: int = 0, map: Callable[[Any], Any] | None = None
) -> Iterator[Batch]:
    """A source from its first example to its last, for evaluation: the incomplete last batch is kept.

    Raises:   as `shuffled_batches`, but a source may have fewer examples than a batch; grain is needed by workers only.
    """
    if whole_number(batch_size, least=1) is None:
        raise ValueError(f"a batch has 1 example or more, a whole number, not {batch_size!r}")
    if whole_number(workers, least=0) is None:
        raise ValueError(f"workers is a whole number of 0 or more, not {workers!r}")
    if not len(source):
        raise ValueError(f"{_name(source)} has no examples")
    order = range(len(source))
    return _batches(_Read(source, order, batch_size, 0, 1, map), 0, -(-len(source) // batch_size), workers)


def steps_per_epoch(source: Source, batch_size: int, processes: int = 1) -> int:
    """How many batches of this size each process gets in an epoch.

    Raises:   ValueError if there is none.
    """
    if whole_number(batch_size, least=1) is None:
        raise ValueError(f"a batch has 1 example or more, a whole number, not {batch_size!r}")
    if whole_number(processes, least=1) is None:
        raise ValueError(f"an epoch is shared by 1 process or more, not {processes!r}")
    if not len(source):
        raise ValueError(f"{_name(source)} has no examples")
    steps = len(source) // (batch_size * processes)
    if not steps:
        of_each = f" for each of {processes} processes" if processes > 1 else ""
        raise ValueError(f"a batch of {batch_size}{of_each} is larger than {_name(source)} of {len(source)} examples")
    return steps


@dataclass(frozen=True)
class _Read:
    """The batch of a step; a value that worker processes get a copy of."""

    source: Source
    order: Sequence[int]
    batch_size: int
    shard: int
    shards: int
    map: Callable[[Any], Any] | None

    def __call__(self, step: int) -> Batch:
        begin = step * self.batch_size * self.shards + self.shard
        places = range(begin, min(begin + self.batch_size * self.shards, len(self.order)), self.shards)
        numbers = [int(self.order[place]) for place in places]
        rows = getattr(self.source, "rows", None)
        if rows is None:
            examples = [self.source[number] for number in numbers]
        else:
            batch = rows(numbers)
            if self.map is None:
                return batch
            examples = [jax.tree.map(lambda part, row=row: part[row], batch) for row in range(len(numbers))]
        return _stack(examples if self.map is None else [self.map(example) for example in examples], numbers)


def _stack(examples: list[Any], numbers: list[int]) -> Batch:
    leaves, structure = jax.tree.flatten(examples[0])
    columns = [[np.asarray(leaf)] for leaf in leaves]
    for number, example in zip(numbers[1:], examples[1:], strict=True):
        others, form = jax.tree.flatten(example)
        if form != structure:
            raise ValueError(f"example {number} is of the form {form}, and {numbers[0]} beside it {structure}")
        for column, leaf in zip(columns, others, strict=True):
            array = np.asarray(leaf)
            if (array.dtype, array.shape) != (column[0].dtype, column[0].shape):
                raise ValueError(
                    f"example {number} has {array.dtype} of shape {list(array.shape)}, where example {numbers[0]} "
                    f"beside it has {column[0].dtype} of shape {list(column[0].shape)}: examples of one batch are "
                    "alike; map may make them so"
                )
            column.append(array)
    stacked = [np.stack(column) for column in columns]
    for array in stacked:
        if found := first_not_finite(array):
            raise ValueError(f"example {numbers[found[0]]} holds {found[1]}")
    return structure.unflatten(stacked)


def _batches(read: _Read, start: int, steps: int, workers: int) -> Iterator[Batch]:
    if not workers:
        return (read(step) for step in range(start, steps))
    return _from_workers(_grain(), read, start, steps, workers)


def _from_workers(grain: Any, read: _Read, start: int, steps: int, workers: int) -> Iterator[Batch]:
    from absl import flags

    if not flags.FLAGS.is_parsed():  # which grain asks for, and a program that does not use them never does
        flags.FLAGS.mark_as_parsed()
    steps_left = grain.MapDataset.range(start, steps).map(read)
    # Not its default of 500 elements ahead, which here are batches.
    ahead = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
    loaded = steps_left.to_iter_dataset(ahead).mp_prefetch(grain.MultiprocessingOptions(num_workers=workers))
    iterator = iter(loaded)
    try:
        yield from iterator
    finally:
        iterator.close()  # ends the processes


def _shard(shard: tuple[int, int]) -> tuple[int, int]:
    whole = [whole_number(part, least) for part, least in zip(shard, (0, 1), strict=True)]
    index, count = whole
    if index is None or count is None or index >= count:
        raise ValueError(f"a shard is its number, from 0, and how many there are, not {shard!r}")
    return index, count


def _name(source: Source) -> str:
    text = repr(source)
    return text if len(text) < 80 else f"a source, {type(source).__name__},"


def _grain() -> Any:
    try:
        import grain
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "data are shuffled and loaded by grain, which is not installed: pip install 'backprop-jax[loading]'"
        ) from error
    return grain
