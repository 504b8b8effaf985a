"""K-FAC against Adam on an autoencoder of digits: loss over steps, and over seconds.

    python examples/kfac_vs_adam.py [--steps 1000] [--plot kfac.png]     the picture needs the extra `cli`

Deep autoencoders are where second-order steps were shown to pay first: the layers squeeze 64 pixels into 8 numbers,
and the directions in which the loss is curved differ by orders of magnitude. K-FAC gets each layer's curvature from one
more backward pass at every tenth step and inverts it at every twentieth. It prints the loss along the way, and when
each comes as low as Adam ever does. Compilation is not counted.
"""

import argparse
import time

import jax
import numpy as np

import backprop_jax as bp
from backprop_jax import data, harvest, optim, train

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--steps", type=int, default=1000, help="of each optimizer, 500 digits each")
arguments.add_argument("--plot", metavar="FILE", help="draw the losses into this picture")
flags = arguments.parse_args()
if flags.steps < 10:
    arguments.error("it takes --steps 10 or more")

images = data.digits().train.x.reshape(-1, 64).astype(np.float32)
model = bp.chain(*(part for width in (100, 50, 8, 50, 100) for part in (bp.Dense(width), bp.Tanh())), bp.Dense(64))
objective = bp.supervised(model, bp.losses.BinaryCrossEntropy())
example = (images[:500], images[:500])
layout = harvest.kronecker_layout(objective, example)
kfac = harvest.scale_by_kfac(layout, damping=1e-4, factors_every=10, inverse_every=20, norm_constraint=1e-3)
OPTIMIZERS = {
    "Adam": optim.adam(3e-3),
    "K-FAC": optim.chain(kfac, optim.sgd(optim.cosine_decay_schedule(1.0, flags.steps), momentum=0.9)),
}


def run(optimizer: optim.Transform) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each step, and the seconds from the start."""
    step = train.make_step(objective, optimizer, extra=harvest.GiveCurvature(objective))  # only K-FAC asks for it
    keys = list(jax.random.split(jax.random.key(1), flags.steps))
    rows = np.random.default_rng(0).integers(0, len(images), (flags.steps, 500))
    first, training = (train.start(objective, optimizer, jax.random.key(0), example) for _ in range(2))
    jax.block_until_ready(step(first, example, keys[0]))  # compiled
    losses, seconds, start = [], [], time.perf_counter()
    for own, key in zip(rows, keys, strict=True):
        training, loss = step(training, (images[own], images[own]), key)
        losses.append(float(loss))
        seconds.append(time.perf_counter() - start)
    return np.convolve(np.pad(losses, (9, 0), "edge"), np.full(10, 0.1), "valid"), np.array(seconds)


results = {name: run(optimizer) for name, optimizer in OPTIMIZERS.items()}
goal = results["Adam"][0].min()
for name, (losses, seconds) in results.items():
    marks = "  ".join(f"{number}: {losses[number - 1]:.4f}" for number in np.linspace(10, flags.steps, 5).astype(int))
    reached = np.flatnonzero(losses <= goal)
    told = f"in {reached[0] + 1} steps and {seconds[reached[0]]:.1f} s" if len(reached) else "never"
    print(f"{name:6} loss after steps  {marks}\n       {seconds[-1]:.1f} s; down to {goal:.4f} {told}")

if flags.plot:
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained", sharey=True)
    for name, (losses, seconds) in results.items():
        left.plot(np.arange(1, flags.steps + 1), losses, label=name)
        right.plot(seconds, losses, label=name)
    left.set(xlabel="step", ylabel="binary cross-entropy, mean of 10 steps", yscale="log")
    right.set_xlabel("seconds")
    right.legend()
    figure.savefig(flags.plot, dpi=120)
