"""Trainings that are killed and go on, as a process: `python -m tests.train.resumed_runs MODEL FOLDER`.

Each prints a line a step, the loss to the last bit, and at the end a checksum of all that was trained.
"""

import sys
import zlib
from typing import Any

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import optim
from backprop_jax.core.keys import is_key
from backprop_jax.data import Examples
from backprop_jax.data.augmentation import random_flip
from backprop_jax.models import LanguageModelLoss, char_lm, gpt
from backprop_jax.train import Checkpoints, Labelled, Progress, TextStream, TextWindows, fit, start

__all__ = ["MODELS", "checksum", "main", "run"]

_random = np.random.default_rng(0)
IMAGES = Examples(_random.random((32, 4, 4, 1), np.float32), np.arange(32) % 3)
TEXT = _random.integers(0, 5, 400)
NORMED = bp.chain(bp.Conv(4, (3, 3), use_bias=False), bp.BatchNorm(), bp.ReLU())


def _mlp() -> tuple[Any, Any, Any, dict]:
    model = bp.chain(bp.Flatten(), bp.Dense(8), bp.GELU(), bp.Dense(3))
    return bp.supervised(model, bp.losses.CrossEntropy()), optim.adam(0.01), Labelled(IMAGES, IMAGES, 4, 1), {}


def _resnet() -> tuple[Any, Any, Any, dict]:
    model = bp.chain(NORMED, bp.skip(NORMED), bp.Dropout(0.3), bp.GlobalAvgPool(), bp.Dense(3))
    objective, options = bp.supervised(model, bp.losses.CrossEntropy()), {"augment": random_flip(0.5)}
    return objective, optim.sgd(0.05, momentum=0.9), Labelled(IMAGES, IMAGES, 4, 1), options


def _lstm() -> tuple[Any, Any, Any, dict]:
    objective = bp.supervised(char_lm(5, width=4, features=8, rate=0.2), bp.losses.CrossEntropy())
    return objective, optim.adam(0.01), TextStream(TEXT, TEXT[:40], 3, 11, seed=2), {}


def _gpt() -> tuple[Any, Any, Any, dict]:
    objective = LanguageModelLoss(gpt(5, 8, 8, 1, 2, rate=0.1), bp.losses.LinearCrossEntropy(5))
    optimizer = optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(0.01))
    return objective, optimizer, TextWindows(TEXT, TEXT[:40], 3, 8, 12, seed=3), {"steps_per_call": 5}


MODELS = {"mlp": _mlp, "resnet": _resnet, "lstm": _lstm, "gpt": _gpt}
EPOCHS = 3


def run(name: str, folder: str, **options: Any):
    """The training of a name, from the latest checkpoint in the folder on; one is written at each look."""
    objective, optimizer, data, own = MODELS[name]()
    training = start(objective, optimizer, jax.random.key(0), next(data.batches(1)))
    with Checkpoints(folder, every_seconds=0) as checkpoints:
        return fit(
            objective, optimizer, training, data, epochs=EPOCHS, checkpoints=checkpoints, resume=True, **own, **options
        )


def checksum(tree: Any) -> str:
    leaves = [jax.random.key_data(leaf) if is_key(leaf) else leaf for leaf in jax.tree.leaves(tree)]
    return f"{zlib.crc32(b''.join(np.asarray(leaf).tobytes() for leaf in leaves)):08x}"


def main(name: str, folder: str) -> None:
    def tell(progress: Progress) -> None:
        for record in progress.recent:
            print(record.step, record.loss.hex(), flush=True)

    done = run(name, folder, on_progress=tell)
    rows = [row._replace(gradient_norms=None)._asdict() for row in done.history]
    losses = [[value.hex() for key, value in row.items() if key.endswith("loss")] for row in rows]
    print("end", checksum(done.training), losses, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
