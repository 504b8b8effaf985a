"""How much larger a learning rate may be with batch norm: one network with and without, at many rates at once.

    python examples/batch_norm_and_learning_rate.py [--steps 200]

A training is a function of its learning rate, so `jax.vmap` trains at all rates and from all seeds side by side, in one
compiled program. The net without batch norm is a rewrite of the other: same weights, scales and shifts, only without
the statistics. Expect that batch norm bears rates some twenty times as large, and gets lower with them. The picture,
runs/batch_norm_and_learning_rate.png, shows the final loss over the learning rate (needs the extra `cli`).
"""

import argparse
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import backprop_jax as bp

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--steps", type=int, default=200, help="of SGD without momentum, 64 images each")
steps, seeds = arguments.parse_args().steps, jnp.arange(3)
rates = 10.0 ** jnp.linspace(-3, 2, 26)
goal, TOP = 0.5, 10.0  # a final loss that counts as trained, where guessing has 2.3; and one that counts as diverged

# 1. Two networks. Layers are values, so one is made from the other by exchanging a layer wherever it stands.
layer = bp.chain(bp.Dense(64, use_bias=False, kernel_init=bp.initializers.he_normal()), bp.BatchNorm(relu=True))
normalized = bp.chain(bp.Flatten(), *[layer] * 6, bp.Dense(10))


def without_statistics(layer: bp.Layer) -> bp.Layer:
    return bp.chain(bp.Affine(), bp.ReLU()) if isinstance(layer, bp.BatchNorm) else layer


networks = {"without batch norm": bp.rewrite(normalized, without_statistics), "with batch norm": normalized}

# 2. Digits of 8x8 pixels, and which of them each step sees: the same at every rate.
digits = bp.data.digits().train
x, y = jnp.asarray(digits.x), jnp.asarray(digits.y)
drawn = jax.random.randint(jax.random.key(0), (steps, 64), 0, len(x))


# 3. The loss of every step of a training, as a function of its rate and seed.
@partial(jax.jit, static_argnums=0)
@partial(jax.vmap, in_axes=(None, 0, None))
@partial(jax.vmap, in_axes=(None, None, 0))
def train(network: bp.Layer, rate: jax.Array, seed: jax.Array) -> jax.Array:
    objective = bp.supervised(network, bp.losses.CrossEntropy())

    def step(carry, rows):
        params, state = carry
        (loss, state), gradient = bp.value_and_grad(objective)(params, state, (x[rows], y[rows]))
        return (jax.tree.map(lambda param, slope: param - rate * slope, params, gradient), state), loss

    return jax.lax.scan(step, objective.init(jax.random.key(seed), (x[:2], y[:2])), drawn)[1]


# 4. Of each network the largest rate that trains from every seed.
figure, axes = plt.subplots(figsize=(9, 5.2), layout="constrained")
largest = []
for (name, network), color in zip(networks.items(), ("#D55E00", "#0072B2"), strict=True):
    final = np.asarray(train(network, rates, seeds))[:, :, -20:].mean(-1)
    final = np.where(final < TOP, final, TOP)  # NaN too
    largest.append(float(rates[(final < goal).all(1)].max(initial=0)))
    best = final.max(1).argmin()
    print(f"{name:18}   lowest loss {final[best].max():.3f}, at {rates[best]:.2g}   trains up to {largest[-1]:.2g}")
    axes.loglog(rates, np.median(final, 1), "o-", color=color, label=f"{name}: trains up to {largest[-1]:.2g}")
    axes.fill_between(rates, final.min(1), final.max(1), color=color, alpha=0.2, linewidth=0)
print(f"the largest learning rate that trains is {largest[1]:.2g} with batch norm, {largest[0]:.2g} without")
axes.axhline(goal, color="0.4", linestyle="--", linewidth=1)
axes.text(rates[0], 1.05 * goal, f"below {goal}: trained", color="0.4")
axes.text(rates[0], 0.85 * TOP, f"{TOP:g} stands for more and for NaN", color="0.4", va="top")
axes.set(xlabel="learning rate", ylabel=f"training loss, mean of the last 20 of {steps} steps")
axes.set_title("6 hidden layers of 64 on 8x8 digits, SGD: median and range of 3 seeds", loc="left")
axes.legend(loc="lower left")
Path("runs").mkdir(exist_ok=True)
figure.savefig("runs/batch_norm_and_learning_rate.png", dpi=110)
print("written: runs/batch_norm_and_learning_rate.png")
