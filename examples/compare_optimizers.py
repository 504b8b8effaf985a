"""Which optimizer for which task, each at its best learning rate of the same twelve.

    python examples/compare_optimizers.py [--plot rates.png] [--paths paths.png] [--animation paths.gif]

The tasks are digits (dense), a classifier of words most of which are rare (sparse), and a regression that is 1000 times
more curved along some directions than along others (ill-conditioned). All learning rates and seeds of an optimizer
train at once, each for the same steps. Then the optimizers go down classic surfaces, without noise and from one start.
Pictures need the extra `cli`.
"""

import argparse
from functools import partial

import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from backprop_jax import data, losses, optim, plots, tuning

OPTIMIZERS = {"sgd": optim.sgd, "momentum": partial(optim.sgd, momentum=0.9)}
OPTIMIZERS |= {name: getattr(optim, name) for name in ("adagrad", "rmsprop", "adam", "adamw", "lion", "muon")}
OPTIMIZERS["schedule-free"] = optim.schedule_free_adamw
RATES = np.geomspace(1e-4, 30, 12)
KNOWN = data.digits().train
TASKS = {  # a model, its loss and examples
    "dense": (bp.models.mlp((32,)), losses.CrossEntropy(), KNOWN.x, KNOWN.y),
    "sparse": (bp.Dense(2), losses.CrossEntropy(), *data.rare_words(6000, seed=0)),
    "ill-conditioned": (bp.Dense(1), losses.MeanSquaredError(), *data.narrow_valley(6000, seed=0)),
}
arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--steps", type=int, default=300, help="of each training, 64 examples each")
arguments.add_argument("--seeds", type=int, default=4)
arguments.add_argument("--only", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS), help="these optimizers")
arguments.add_argument("--plot", metavar="FILE", help="draw the loss over the learning rate into this picture")
arguments.add_argument("--paths", metavar="FILE", help="draw the ways down the surfaces into this picture")
arguments.add_argument("--animation", metavar="FILE", help="draw them as they come about into this GIF")
flags = arguments.parse_args()
if flags.steps < 1 or flags.seeds < 2:
    arguments.error("it takes --steps 1 or more and --seeds 2 or more")
descending = [name for name in flags.only if name != "muon"]  # which is AdamW where there is no matrix
if (flags.paths or flags.animation) and not descending:
    arguments.error("muon alone has no way down a surface to draw")

print(f"held-out loss after {flags.steps} steps: mean of {flags.seeds} seeds, its standard error, (rate)")
print("* best, = no further from it than two standard errors, ! the lowest or highest rate of all tried")
trials, scores = tuning.grid(learning_rate=RATES.tolist()), {}
for task, (model, loss, x, y) in TASKS.items():
    objective, random = bp.supervised(model, loss), np.random.default_rng(1)
    known, held_out = np.split(random.permutation(len(x)), [len(x) * 3 // 4])
    rows = random.choice(known, (flags.steps, 64))
    score, scores[task], best = tuning.held_out_loss(objective, (x[held_out], y[held_out])), {}, {}
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
        mark, edge = "*" if mean == first else "=" if tied else " ", "!" * (place in (0, len(RATES) - 1))
        print(f"{mark} {name:14}{mean:10.3g} ± {error:<7.1g} ({RATES[place]:.2g}{edge})")

print("\nsteps until the value of a surface stays below 0.001 (rate), of 5000")
print(f"{'':14}" + "".join(f"{surface:>18}" for surface in plots.SURFACES))
paths = {surface: {} for surface in plots.SURFACES}
for name in descending:
    print(f"{name:14}", end="")
    for title, surface in plots.SURFACES.items():
        steps, rate, paths[title][name] = plots.fastest_descent(surface, OPTIMIZERS[name], jnp.asarray(RATES), 5000)
        print(f"{f'{steps} ({rate:.2g})' if steps else '-':>18}", end="")
    print()
if flags.plot:
    plots.plot_rates(RATES, scores).savefig(flags.plot)
if flags.paths:
    plots.plot_paths(plots.SURFACES, paths).savefig(flags.paths)
if flags.animation:
    plots.animate_paths(plots.SURFACES, paths).save(flags.animation, writer="pillow")
