"""The classic optimizers on the classic surfaces, each at its best learning rate of ten, and where they went.

python examples/optimizer_race.py [--plot race.png] [--animation race.gif]     pictures need the extra `cli`
"""

import argparse
from functools import partial

import jax.numpy as jnp
import numpy as np

from backprop_jax import optim, plots

OPTIMIZERS = {  # name: from a learning rate to an optimizer
    "sgd": optim.sgd,
    "momentum": partial(optim.sgd, momentum=0.9),
    "Nesterov": partial(optim.sgd, momentum=0.9, nesterov=True),
    **{name: getattr(optim, name) for name in ("adagrad", "rmsprop", "adam", "nadam", "lion")},
}
RATES, STEPS, GOAL = 10.0 ** jnp.linspace(-4, 0.5, 10), 5000, 1e-3

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--plot", metavar="FILE", help="draw the paths into this picture")
arguments.add_argument("--animation", metavar="FILE", help="draw them as they come about into this GIF")
flags = arguments.parse_args()
print(f"steps until the value stays below {GOAL} (learning rate), at most {STEPS}\n")
print(f"{'':10}" + "".join(f"{surface:>20}" for surface in plots.SURFACES))
paths = {surface: {} for surface in plots.SURFACES}
for name, optimizer in OPTIMIZERS.items():
    cells = []
    for title, surface in plots.SURFACES.items():
        values, places = plots.descend(surface, optimizer, RATES, STEPS)
        there = STEPS - jnp.argmax(~(values < GOAL)[:, ::-1], axis=1)  # after the last value that is not below
        best = int(jnp.argmin(there))
        paths[title][name] = np.asarray(places[best][: int(there[best]) + 1])
        cells.append(f"{there[best]} ({RATES[best]:.2g})" if there[best] < STEPS else "-")
    print(f"{name:10}" + "".join(f"{cell:>20}" for cell in cells))

if flags.plot:
    plots.plot_paths(plots.SURFACES, paths).savefig(flags.plot)
if flags.animation:
    plots.animate_paths(plots.SURFACES, paths).save(flags.animation, writer="pillow")
