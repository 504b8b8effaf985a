"""Which optimizer for which task, each at its best learning rate of the same twelve.

    python examples/compare_optimizers.py [--plot rates.png]     the picture needs the extra `cli`

The tasks are digits (dense), a classifier of words most of which are rare (sparse), and a regression that is 1000 times
more curved along some directions than along others (ill-conditioned). All learning rates and seeds of an optimizer
train at once, each for the same steps. `examples/optimizer_race.py` shows where optimizers go.
"""

import argparse
from functools import partial

import numpy as np

import backprop_jax as bp
from backprop_jax import data, losses, optim, plots, tuning

OPTIMIZERS = {"sgd": optim.sgd, "momentum": partial(optim.sgd, momentum=0.9)}
OPTIMIZERS |= {name: getattr(optim, name) for name in ("adagrad", "rmsprop", "adam", "adamw", "lion", "muon")}
OPTIMIZERS["schedule-free"] = optim.schedule_free_adamw
RATES = np.geomspace(1e-4, 30, 12)
random = np.random.default_rng(0)


def digits():
    parts = data.digits()
    held_out = parts.validation.x, parts.validation.y
    return bp.supervised(bp.models.mlp((32,)), losses.CrossEntropy()), (parts.train.x, parts.train.y), held_out


def rare_words(words=400):
    x = (random.random((6000, words)) < 2 / np.arange(2, words + 2)).astype(np.float32)  # as common as 1, 2/3, 1/2 ...
    y = (x @ random.normal(0, 2, words) + random.logistic(size=6000) > 0).astype(np.int32)
    return bp.supervised(bp.Dense(2), losses.CrossEntropy()), (x[:4000], y[:4000]), (x[4000:], y[4000:])


def narrow_valley(size=30):
    turn, z = np.linalg.qr(random.normal(size=(size, size)))[0], random.normal(size=(4000, size)).astype(np.float32)
    x, y = (z * np.geomspace(1, 1000**-0.5, size) @ turn).astype(np.float32), z.mean(1, keepdims=True) * size**0.5
    return bp.supervised(bp.Dense(1), losses.MeanSquaredError()), (x[:3000], y[:3000]), (x[3000:], y[3000:])


arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--steps", type=int, default=300, help="of each training, 64 examples each")
arguments.add_argument("--seeds", type=int, default=4)
arguments.add_argument("--only", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS), help="these optimizers")
arguments.add_argument("--plot", metavar="FILE", help="draw the loss over the learning rate into this picture")
flags = arguments.parse_args()
if flags.steps < 1 or flags.seeds < 2:
    arguments.error("it takes --steps 1 or more and --seeds 2 or more")

print(f"held-out loss after {flags.steps} steps: mean of {flags.seeds} seeds, its standard error, (rate)")
print("* best, = no further from it than two standard errors, ! the lowest or highest rate of all tried")
trials, scores = tuning.grid(learning_rate=RATES.tolist()), {}
for task, make in {"dense": digits, "sparse": rare_words, "ill-conditioned": narrow_valley}.items():
    objective, (x, y), held_out = make()
    rows = np.random.default_rng(1).integers(0, len(x), (flags.steps, 64))
    score, best = tuning.held_out_loss(objective, held_out), {}
    scores[task] = {}
    for name in flags.only:
        batches = ((x[own], y[own]) for own in rows)
        steps, seeds = flags.steps, range(flags.seeds)
        found = tuning.sweep(objective, OPTIMIZERS[name](1.0), trials, batches, score, steps=steps, seeds=seeds)
        scores[task][name] = found.scores[:, :, -1]  # (rates, seeds)
        own = scores[task][name][found.ranking[0]]
        best[name] = own.mean(), own.std(ddof=1) / len(own) ** 0.5, found.ranking[0]
    print(f"\n{task}")
    first, error_of_first, _ = min(best.values())
    for name, (mean, error, place) in sorted(best.items(), key=lambda item: item[1]):
        tied = mean - first <= 2 * np.hypot(error, error_of_first)
        mark = "*" if mean == first else "=" if tied else " "
        print(
            f"{mark} {name:14}{mean:10.3g} ± {error:<7.1g} ({RATES[place]:.2g}{'!' * (place in (0, len(RATES) - 1))})"
        )

if flags.plot:
    plots.plot_rates(RATES, scores).savefig(flags.plot)
