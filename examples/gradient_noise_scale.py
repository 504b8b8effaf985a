"""How large should a batch be? The gradient noise scale, beside the steps that batches of each size take.

    pip install 'backprop-jax[cli]'
    python examples/gradient_noise_scale.py [--sizes 4 8 16 32 64 128 256 512] [--plot noise.png]

A batch much smaller than the noise scale, tr(cov g) / |G|², is mostly noise, and twice the examples save half of the
steps; a much larger one is exact already, and twice the examples save nothing: steps = least (1 + critical / size),
McCandlish et al., 2018, arXiv:1812.06162. It prints the scale while the loss falls, from the gradients of single
examples, and the steps to that loss by size, each at the best of a few learning rates. The scale takes all directions
for equally curved; where the steepest one bounds the learning rate, as here, the critical size is smaller.
"""

import argparse

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
if min(flags.sizes) < 1 or len(set(flags.sizes)) < 2 or not 0.2 <= flags.loss <= 2:
    arguments.error("it takes two --sizes or more, of 1 and more, and a --loss from 0.2 to 2")
RATES, KEYS, MOST = jnp.array([0.1, 0.2, 0.4, 0.8, 1.6]), jax.random.split(jax.random.key(1), 3), 400

x, y = (jnp.asarray(part) for part in (data.digits().train.x, data.digits().train.y))
model = bp.chain(bp.Flatten(), bp.Dense(32), bp.Tanh(), bp.Dense(10))
mean, single = (bp.supervised(model, bp.losses.CrossEntropy(reduction=reduction)) for reduction in ("mean", "none"))
start, state = mean.init(jax.random.key(0), (x, y))
descend = lambda params, gradient, rate: jax.tree.map(lambda leaf, slope: leaf - rate * slope, params, gradient)
loss_of = lambda params: mean.forward(params, state, (x[:400], y[:400]))[0]  # fewer, to be quick


def steps_to_loss(size: int, rate: jax.Array, key: jax.Array) -> jax.typing.ArrayLike:
    """Of plain SGD on batches drawn by chance."""

    def step(carry: tuple) -> tuple:
        params, number, _ = carry
        drawn = jax.random.randint(jax.random.fold_in(key, number), (size,), 0, len(x))
        _, gradient = bp.value_and_grad(mean)(params, state, (x[drawn], y[drawn]))
        return (params := descend(params, gradient, rate)), number + 1, loss_of(params)

    go_on = lambda carry: ~(carry[2] <= flags.loss) & (carry[1] <= MOST)  # one step more tells who did not get there
    return jax.lax.while_loop(go_on, step, (start, 0, loss_of(start)))[1]


statistics = jax.jit(harvest.gradient_statistics(single))  # of all training images
params, path, steps, loss = start, [], [], np.inf
while loss > flags.loss:
    ((losses, _), gradient), told = statistics(params, state, (x, y))
    path.append((loss := float(losses.mean()), float(told.noise_scale)))
    params = descend(params, gradient, 0.4)
print(*(f"loss {loss:.2f}: noise scale {scale:6.1f}" for loss, scale in path[:: max(1, len(path) // 8)]), sep="\n")
for size in flags.sizes:
    run = lambda rate, key, size=size: steps_to_loss(size, rate, key)
    steps.append(np.median(jax.jit(jax.vmap(jax.vmap(run, (0, None)), (None, 0)))(RATES, KEYS), 0).min())
    told = f"{steps[-1]:5.0f} steps, {size * steps[-1]:7,.0f} examples"
    print(f"batches of {size:4}: {told if steps[-1] <= MOST else f'more than {MOST} steps'}")
sizes, steps = np.array([pair for pair in zip(flags.sizes, steps, strict=True) if pair[1] <= MOST]).reshape(-1, 2).T
slope, least = np.polyfit(1 / sizes, steps, 1, w=1 / steps) if len(sizes) > 1 else (np.nan, np.nan)
print(f"critical size: {slope / least:.0f} by the steps; noise scale: {np.median(path, 0)[1]:.0f} half of the way")

if flags.plot:
    import matplotlib.pyplot as plt

    _, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    left.semilogy(*zip(*path, strict=True))
    left.set(xlabel="loss of the training images", ylabel="gradient noise scale: examples", xlim=(path[0][0], 0))
    right.semilogx(sizes, steps, "o", label="taken")
    along = np.geomspace(min(flags.sizes), max(flags.sizes))
    right.semilogx(along, least + slope / along, label=f"{least:.0f} (1 + {slope / least:.0f} / size)")
    right.set(xlabel="batch size", xticks=flags.sizes, xticklabels=flags.sizes, ylabel=f"steps to loss {flags.loss:g}")
    right.legend()
    plt.savefig(flags.plot, dpi=120, bbox_inches="tight")
    print(f"picture: {flags.plot}")
