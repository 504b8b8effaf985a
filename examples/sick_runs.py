"""Ten trainings on digits: three are healthy, seven are made sick on purpose. Can the doctor tell?"""

import argparse
import time

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import data, doctor, losses, optim, train

digits = data.digits()
whole = digits.train, digits.validation
optimizer = optim.sgd(0.03, momentum=0.9)


def classifier(*layers: bp.Layer) -> bp.Layer:
    return bp.supervised(bp.chain(*layers, bp.Dense(10)), losses.CrossEntropy())


mlp = classifier(bp.Flatten(), bp.Dense(32), bp.ReLU(), bp.Dense(32), bp.ReLU())
deep = classifier(bp.Flatten(), bp.Dense(32), bp.scan(bp.chain(bp.Dense(32), bp.Sigmoid()), 8))
block = bp.skip(bp.chain(bp.LayerNorm(), bp.Dense(32), bp.GELU()))
residual = classifier(bp.Flatten(), bp.Dense(32), bp.scan(block, 8))
lstm = classifier(bp.Reshape((8, 8)), bp.recurrent(bp.LSTMCell(16)), bp.Flatten())  # reads line by line


class Slow(train.Labelled):
    def batches(self, epoch, start=0):
        for batch in super().batches(epoch, start):
            time.sleep(0.005)
            yield batch


def mislabelled(part: data.Examples) -> data.Examples:
    rng = np.random.default_rng(0)
    other = (part.y + rng.integers(1, 10, len(part))) % 10
    return data.Examples(part.x, np.where(rng.random(len(part)) < 0.2, other, part.y))


RUNS = {  # name: objective, what is done differently, what is to be found
    "MLP": (mlp, {}, None),
    "residual network": (residual, {}, None),
    "LSTM": (lstm, {}, None),
    "deep sigmoids": (deep, {}, "vanishing gradients"),
    "biases of -3": (mlp, {"bias": -3}, "dead units"),
    "learning rate 0.5": (mlp, {"rate": 0.5}, "learning rate too high"),
    "learning rate 0.0001": (mlp, {"rate": 1e-4}, "learning rate too low"),
    "64 examples": (mlp, {"parts": (whole[0][:64], whole[1]), "rate": 0.1, "epochs": 90}, "overfitting"),
    "20 % wrong labels": (mlp, {"parts": [mislabelled(part) for part in whole]}, "label noise"),
    "slow disk": (mlp, {"kind": Slow, "epochs": 3}, "data starvation"),
}


def run(objective, rate=0.03, bias=0, parts=whole, kind=train.Labelled, epochs=12, seed=0) -> dict:
    """The tables of a training by which the doctor judges."""
    steps, health, batch = [], [], (digits.train.x[:64], digits.train.y[:64])
    params, state, kept = train.start(objective, optimizer, jax.random.key(seed), batch)
    hidden = jax.tree.map(lambda leaf: leaf + bias if leaf.shape == (32,) else leaf, params)
    begun = train.Training(hidden, state, optim.with_hyperparams(kept, learning_rate=rate))
    row = lambda now, one: doctor.StepRow(one.step, one.loss, now.waiting, one.gradient_norms)
    look = lambda now: steps.extend(row(now, one) for one in now.recent)
    examine = lambda row, now: health.extend(doctor.checkup(objective, optimizer, now, batch, row.epoch))
    told = {"epochs": epochs, "on_epoch": examine, "on_progress": look}
    done = train.fit(objective, optimizer, begun, kind(*parts, batch_size=32, seed=seed), **told)
    scores = train.evaluate(objective, *done.training[:2], parts[1]).scores
    tables = {"history": done.history, "steps": steps, "health": health}
    return tables | {"suspects": doctor.label_suspects(scores, parts[1].y)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    for name, (objective, differently, sickness) in ((name, RUNS[name]) for name in flags.runs):
        found = doctor.diagnose(**run(objective, seed=flags.seed, **differently))
        print(f"{name}: {', '.join(f'{one.name} ({one.figure:.2g})' for one in found) or 'nothing found'}", flush=True)
        if not (sickness in [one.name for one in found] if sickness else not found):
            raise SystemExit(f"{name} should have shown {sickness or 'nothing'}")
