"""What is left of a gradient 200 steps back through time, and what clipping does for one that explodes.

    python examples/vanishing_gradients.py

Fresh cells, their recurrent weights orthogonal, read noise, and a loss looks at the last step only. The gradient
vanishes in all of them, with forget bias 1 far more slowly. ReLU drops half of the numbers, so its weights need to be
√2 orthogonal to keep it; a little more explodes. An RNN with 1.6 is then trained to tell what it read two steps before,
at 15 learning rates side by side: only with clipping does one of them work.
The picture is runs/vanishing_gradients.png (needs the extra `cli`).
"""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import backprop_jax as bp

jax.config.update("jax_enable_x64", True)  # float32 ends at 1e-38
figure, panels = plt.subplots(1, 2, figsize=(14, 6), layout="constrained", width_ratios=[1.2, 1])
orthogonal, relu_rnn = bp.initializers.orthogonal, partial(bp.RNNCell, activation="relu")
cells = {"RNN, ReLU, √2 orthogonal": relu_rnn(64, recurrent_init=orthogonal(2**0.5))}
cells |= {f"LSTM, forget bias {bias}": bp.LSTMCell(64, forget_bias=bias) for bias in (1, 0)}
cells |= {"RNN, ReLU, orthogonal": relu_rnn(64), "GRU": bp.GRUCell(64), "RNN, tanh": bp.RNNCell(64)}


# 1. Backpropagation through time, written out: the cell's own rule, from the last step to the first.
@partial(jax.jit, static_argnums=0)
def norms_back(cell: bp.Layer, params: dict, start: jax.Array, x: jax.Array, dy: jax.Array) -> jax.Array:
    def forward(carry, x):
        (carry, _), _, residuals = cell.forward(params, (), (carry, x))
        return carry, residuals

    def backward(dcarry, slices):
        residuals, dy = slices
        _, (dcarry, _) = cell.backward(params, residuals, (dcarry, dy))
        return dcarry, jax.vmap(bp.optim.global_norm)(dcarry)  # of an LSTM h and c together

    _, residuals = jax.lax.scan(forward, start, x)
    _, norms = jax.lax.scan(backward, jax.tree.map(jnp.zeros_like, start), (residuals, dy), reverse=True)
    return norms[::-1] / jnp.linalg.norm(dy[-1], axis=-1)


x, dy = jax.random.normal(jax.random.key(0), (2, 200, 16, 64))
dy = dy.at[:-1].set(0)  # the loss looks at the last step only
print("left of the norm of dL/dh:   50 steps back   200 steps back, and its range")
for name, cell in cells.items():
    start = cell.initial_carry(x[0])
    draws = [cell.init(jax.random.key(seed), (start, x[0]))[0] for seed in range(8)]
    norms = np.concatenate([norms_back(cell, params, start, x, dy) for params in draws], axis=1)
    low, middle, high = np.quantile(norms, (0, 0.5, 1), axis=1)
    print(f"{name:27} {middle[49]:14.1e} {middle[199]:16.1e}, {low[199]:.1e} to {high[199]:.1e}")
    panels[0].semilogy(range(1, 201), middle, label=name)
    panels[0].fill_between(range(1, 201), low, high, alpha=0.2, linewidth=0)

# 2. A whole training, as a function of its learning rate.
network = bp.chain(bp.recurrent(relu_rnn(32, recurrent_init=orthogonal(1.6))), bp.Dense(1))
objective = bp.supervised(network, bp.losses.MeanSquaredError())
x = jax.random.normal(jax.random.key(1), (150, 32, 50, 1), "float32")
y = jnp.roll(x, 2, axis=2).at[:, :, :2].set(0)
params, state = objective.init(jax.random.key(1), (x[0], y[0]))
rates = 10.0 ** jnp.arange(-14, 1, dtype="float32")


def train(clipping: bp.optim.Transform, rate: jax.Array) -> jax.Array:
    def step(params, batch):
        (loss, _), gradient = bp.value_and_grad(objective)(params, state, batch)
        updates, _ = clipping.update(gradient, clipping.init(params))
        return jax.tree.map(lambda param, update: param - rate * update, params, updates), loss

    return jax.lax.scan(step, params, (x, y))[1]


for name, clipping in (("no clipping", bp.optim.identity()), ("clipped to 1", bp.optim.clip_by_global_norm(1.0))):
    losses = np.asarray(jax.jit(jax.vmap(partial(train, clipping)))(rates))
    final = losses[:, -20:].mean(1)
    best = np.nanargmin(final)
    print(f"{name}: loss {final[best]:.3f} at its best learning rate, {rates[best]:.0e}")
    panels[1].semilogy(losses[best], label=f"{name}, best learning rate {rates[best]:.0e}")
panels[0].set(xlabel="steps back from the loss", ylabel="norm of dL/dh, relative to the last step")
panels[0].legend(title="64 features, 8 draws of 16 sequences: median and range", loc="lower left")
panels[1].set(xlabel="training step", ylabel="training loss")
panels[1].legend(title="an RNN whose weights start too large, by SGD")
Path("runs").mkdir(exist_ok=True)
figure.savefig("runs/vanishing_gradients.png", dpi=110)
