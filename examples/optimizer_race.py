"""The classic optimizers on the classic surfaces, each at its best learning rate of ten, and where they went.

python examples/optimizer_race.py [--plot race.png]     the picture of the paths needs the extra `cli`
"""

import argparse
from functools import partial

import jax
import jax.numpy as jnp

from backprop_jax import optim


def beale(x, y):
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


SURFACES = {  # name: function, start, window of the picture
    "bowl": (lambda x, y: (x**2 + 50 * y**2) / 2, (-4.0, 1.5), (-4.5, 1.0, -2.0, 2.0)),
    "Rosenbrock": (lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2, (-1.5, 1.0), (-2.0, 1.6, -0.6, 3.0)),
    "Beale": (beale, (1.0, 1.5), (0.0, 3.6, -0.8, 1.8)),
}
OPTIMIZERS = {  # name: from a learning rate to an optimizer
    "sgd": optim.sgd,
    "momentum": partial(optim.sgd, momentum=0.9),
    "Nesterov": partial(optim.sgd, momentum=0.9, nesterov=True),
    **{name: getattr(optim, name) for name in ("adagrad", "rmsprop", "adam", "nadam", "lion")},
}
RATES, STEPS, GOAL = 10.0 ** jnp.linspace(-4, 0.5, 10), 5000, 1e-3


@partial(jax.jit, static_argnums=(0, 1))
def race(surface, name):
    """Values and places along the way, for all learning rates at once."""
    function, start, _ = SURFACES[surface]

    def run(rate):
        optimizer = OPTIMIZERS[name](rate)

        def step(carry, _):
            place, state = carry
            value, gradient = jax.value_and_grad(lambda place: function(*place))(place)
            updates, state = optimizer.update(gradient, state, place)
            return (optim.apply_updates(place, updates), state), (value, place)

        return jax.lax.scan(step, (jnp.array(start), optimizer.init(jnp.array(start))), length=STEPS)[1]

    return jax.vmap(run)(RATES)


arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
arguments.add_argument("--plot", metavar="FILE", help="draw the paths into this picture")
plot = arguments.parse_args().plot
print(f"steps until the value stays below {GOAL} (learning rate), at most {STEPS}\n")
print(f"{'':10}" + "".join(f"{surface:>20}" for surface in SURFACES))
paths = {}
for name in OPTIMIZERS:
    cells = []
    for surface in SURFACES:
        values, places = race(surface, name)
        there = STEPS - jnp.argmax(~(values < GOAL)[:, ::-1], axis=1)  # after the last value that is not below
        best = int(jnp.argmin(there))
        paths[surface, name] = places[best][: int(there[best]) + 1]
        cells.append(f"{there[best]} ({RATES[best]:.2g})" if there[best] < STEPS else "-")
    print(f"{name:10}" + "".join(f"{cell:>20}" for cell in cells))

if plot:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(SURFACES), figsize=(16, 5.2), layout="constrained")
    for ax, (surface, (function, start, window)) in zip(axes, SURFACES.items(), strict=True):
        grid = jnp.meshgrid(jnp.linspace(*window[:2]), jnp.linspace(*window[2:]))
        ax.contour(*grid, jnp.log(function(*grid) + 0.1), 25, colors="0.8", linewidths=0.7)
        for name in OPTIMIZERS:
            ax.plot(*paths[surface, name].T, label=name, linewidth=1.5)
        ax.plot(*start, "ko")
        ax.set(title=surface, xlim=window[:2], ylim=window[2:])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    figure.savefig(plot, dpi=100)
