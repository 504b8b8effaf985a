"""Train small models of each kind for a few steps, and print a digest of what they learned.

python -m tests.train.reproduced [MODEL...]
"""

import hashlib
import json
import sys

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import losses, models, optim, train

CLASSES = 10
MODELS = {
    "mlp": (bp.chain(bp.Dense(96), bp.BatchNorm(), bp.ReLU(), bp.Dropout(0.2), bp.Dense(CLASSES)), (64, 32)),
    "conv": (
        bp.chain(bp.Conv(8, (3, 3)), bp.ReLU(), bp.MaxPool((2, 2), (2, 2)), bp.Flatten(), bp.Dense(CLASSES)),
        (16, 12, 12, 3),
    ),
    "lstm": (bp.chain(bp.recurrent(bp.LSTMCell(32)), bp.Dense(CLASSES)), (8, 12, 16)),
}


def digest(name: str, steps: int = 3) -> str:
    random = np.random.default_rng(0)
    if name == "gpt":
        objective = models.LanguageModelLoss(models.gpt(50, 24, 32, 2, 4, rate=0.1), losses.LinearCrossEntropy(50))
        tokens = random.integers(0, 50, (8, 25), np.int32)
        batch = tokens[:, :-1], tokens[:, 1:]
    else:
        model, shape = MODELS[name]
        objective = bp.supervised(model, losses.CrossEntropy())
        x = random.normal(size=shape).astype(np.float32)
        rows = jax.eval_shape(lambda: model.forward(*model.init(jax.random.key(0), x), x)[0]).shape[:-1]
        batch = x, random.integers(0, CLASSES, rows)
    optimizer = optim.adam(1e-2)
    training = train.start(objective, optimizer, jax.random.key(0), batch)
    step = train.make_step(objective, optimizer)
    for _ in range(steps):
        training, _ = step(training, batch)
    leaves = jax.tree.leaves((training.params, training.optimizer_state))
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in leaves)).hexdigest()[:16]


if __name__ == "__main__":
    train.deterministic()
    print(json.dumps({name: digest(name) for name in sys.argv[1:] or [*MODELS, "gpt"]}))
