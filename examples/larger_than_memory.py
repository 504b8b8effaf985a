"""Training on records that do not fit into the memory that it may take.

    pip install 'backprop-jax[loading]'
    python examples/larger_than_memory.py [--mebibytes 4096 --limit 1024] [--folder DISK]

It writes records of 4 KiB, and trains on them in a process of its own which Linux refuses more memory than --limit, MiB
for all of it. Without the flag this is half of the data beyond what Python, JAX and the compiled step take before
a record is read. It tells the peak, the MiB read a second, and for which share of the time steps waited for them.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import data, optim, train

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--mebibytes", type=int, default=64, help="of records to train on")
arguments.add_argument("--limit", type=int, default=0, help="MiB of memory, of the whole process")
arguments.add_argument("--folder", help="where the records are written, and removed from in the end")
arguments.add_argument("--learn", type=Path, help=argparse.SUPPRESS)
flags = arguments.parse_args()
if flags.mebibytes < 16 or flags.limit < 0:
    arguments.error("it takes --mebibytes 16 or more and a --limit of 0 or more")
WIDTH, BATCH_SIZE, MIB = 1023, 64, 2**20  # a record is 1,023 numbers and a class, 4 bytes each


def examples(count: int, seed: int) -> Iterator[tuple[np.ndarray, np.int32]]:
    """Noise, around one of two means."""
    rng, mean = np.random.default_rng(seed), np.random.default_rng(0).choice([-0.1, 0.1], WIDTH).astype(np.float32)
    for y in (rng.integers(2, dtype=np.int32) for _ in range(count)):
        yield rng.random(WIDTH, np.float32) - np.float32(0.5) + (mean if y else -mean), y


def mebibytes(name: str) -> float:
    """What Linux tells of this process: VmHWM is its peak, VmData what can be limited."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith(f"{name}:"))


def learn(folder: Path) -> None:
    refuse = lambda most: resource.setrlimit(resource.RLIMIT_DATA, (int(most * MIB), int(most * MIB)))
    if flags.limit:
        refuse(flags.limit)
    loaded = train.LoadedData(data.Records(folder / "train"), data.Records(folder / "validation"), BATCH_SIZE)
    objective, optimizer = bp.supervised(bp.Dense(2), bp.losses.CrossEntropy()), optim.adam(1e-3)
    few = train.LoadedData([(np.zeros(WIDTH, np.float32), np.int32(0))] * 64, loaded.validation, BATCH_SIZE)
    begin = lambda: train.start(objective, optimizer, jax.random.key(0), next(few.batches(1)))
    train.fit(objective, optimizer, begin(), few, epochs=1)  # compiles
    before, told, share = mebibytes("VmHWM"), [], flags.mebibytes / 2
    if not flags.limit:
        refuse(mebibytes("VmData") + share)
    row = train.fit(objective, optimizer, begin(), loaded, epochs=1, on_progress=told.append).history[0]
    peak, most, waited = mebibytes("VmHWM"), flags.limit or before + share, np.mean([each.waiting for each in told])
    print(f"validation loss {row.validation_loss:.3f}, {row.examples_per_second / 256:.0f} MiB a second, ", end="")
    print(f"waiting for data {waited:.0%} of the time; peak {peak:.0f} MiB of {most:.0f}, {before:.0f} before")
    assert peak <= most and row.validation_loss < 0.5, "more memory than the limit, or nothing was learned"


if __name__ == "__main__":
    if flags.learn:
        sys.exit(learn(flags.learn))
    with tempfile.TemporaryDirectory(dir=flags.folder) as folder:
        for part, count in {"train": flags.mebibytes * 256, "validation": 512}.items():
            data.write_records(Path(folder) / part, examples(count, seed=count), shard_size=2**16)
        where = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, __file__, *sys.argv[1:], "--learn", folder]
        done = subprocess.run(command, env=where, stdout=subprocess.PIPE, text=True)
    sys.exit(print(f"{flags.mebibytes} MiB of records: {done.stdout}", end="") or done.returncode)
