"""How large should a batch be? The gradient noise scale, beside the steps that batches of each size take.

    pip install 'backprop-jax[cli]'
    python examples/gradient_noise_scale.py [--sizes 4 8 16 32 64 128 256 512] [--plot noise.png]

A batch much smaller than the noise scale tr(cov g) / |G|² is mostly noise, and twice the examples save half of the
steps; a much larger one is exact already, and twice the examples save nothing. The scale is told by the gradients of
single examples, in the backward pass of the training itself, and grows while the loss falls. The steps to a loss are
of trainings with batches of each size, each at the best of a few learning rates, from the same parameters.
McCandlish et al., 2018, arXiv:1812.06162: steps = least steps (1 + critical size / size).
"""

import argparse
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from backprop_jax import data, harvest

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--sizes", type=int, nargs="+", default=[4, 8, 16, 32, 64, 128, 256, 512])
arguments.add_argument("--loss", type=float, default=0.3, help="of the training images, at which the steps are counted")
arguments.add_argument("--plot", metavar="FILE", help="draw the noise scale and the steps into this picture")
flags = arguments.parse_args()
if min(flags.sizes) < 1 or len(set(flags.sizes)) < 2 or not 0.05 <= flags.loss <= 2:
    arguments.error("it takes two --sizes or more, of 1 and more, and a --loss from 0.05 to 2")
RATES, MOST = jnp.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6]), 1000
SEEDS = jax.random.split(jax.random.key(1), 3)

digits = data.digits().train
x, y = jnp.asarray(digits.x), jnp.asarray(digits.y)
model = bp.chain(bp.Flatten(), bp.Dense(32), bp.Tanh(), bp.Dense(10))
mean = bp.supervised(model, bp.losses.CrossEntropy())
single = bp.supervised(model, bp.losses.CrossEntropy(reduction="none"))
start, state = mean.init(jax.random.key(0), (x, y))
loss_of = lambda params, some: mean.forward(params, state, (x[:some], y[:some]))[0]


def descend(params: tuple, gradient: tuple, rate: float | jax.Array) -> tuple:
    return jax.tree.map(lambda leaf, slope: leaf - rate * slope, params, gradient)


def steps_to_loss(size: int, rate: jax.Array, key: jax.Array) -> jax.Array:
    """Of plain SGD on batches drawn by chance, until the loss of the first 400 training images is there."""

    def step(carry: tuple) -> tuple:
        params, number, _ = carry
        drawn = jax.random.randint(jax.random.fold_in(key, number), (size,), 0, len(x))
        _, gradient = bp.value_and_grad(mean)(params, state, (x[drawn], y[drawn]))
        params = descend(params, gradient, rate)
        return params, number + 1, loss_of(params, 400)

    go_on = lambda carry: ~(carry[2] <= flags.loss) & (carry[1] < MOST)
    return jax.lax.while_loop(go_on, step, (start, 0, loss_of(start, 400)))[1]


# 1. The noise scale on the way down, of all training images.
statistics = jax.jit(harvest.gradient_statistics(single))
params, path, loss = start, [], np.inf
while loss > flags.loss:
    ((losses, _), gradient), told = statistics(params, state, (x, y))
    loss = float(losses.mean())
    path.append((loss, float(told.noise_scale)))
    params = descend(params, gradient, 0.4)
for loss, scale in path[:: len(path) // 8]:
    print(f"loss {loss:.2f}: gradient noise scale {scale:6.1f}")

# 2. Steps by size, and what they say is the critical size.
steps = []
for size in flags.sizes:
    runs = jax.jit(jax.vmap(jax.vmap(partial(steps_to_loss, size), (0, None)), (None, 0)))(RATES, SEEDS)
    by_rate = np.median(runs, 0)
    steps.append(by_rate.min())
    best = RATES[by_rate.argmin()]
    print(f"batches of {size:4}: {steps[-1]:5.0f} steps, {size * steps[-1]:7,.0f} examples, learning rate {best:g}")
inverse = 1 / np.array(flags.sizes)
slope, least = np.polyfit(inverse, steps, 1, w=1 / np.array(steps))
middle = np.median([scale for _, scale in path])
print(f"critical batch size by the steps: {slope / least:.0f}; the noise scale, half way down: {middle:.0f}")

if flags.plot:
    import matplotlib.pyplot as plt

    _, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    left.semilogy(*zip(*path, strict=True))
    left.invert_xaxis()
    left.set(xlabel="loss of the training images", ylabel="gradient noise scale: examples")
    right.loglog(flags.sizes, steps, "o", label="measured")
    right.loglog(flags.sizes, least + slope * inverse, label=f"{least:.0f} (1 + {slope / least:.0f} / size)")
    right.set(xlabel="batch size", ylabel=f"steps to a loss of {flags.loss:g}")
    right.legend()
    plt.savefig(flags.plot, dpi=120, bbox_inches="tight")
    print(f"picture: {flags.plot}")
