"""What is left of a gradient 200 steps back through time, and what clipping does for one that explodes.

    python examples/vanishing_gradients.py     draws runs/vanishing_gradients.png (needs the extra `cli`)

Fresh cells read noise, and a loss looks at the last step: most forget, an LSTM with forget bias 1 most slowly. An RNN
with too large weights is to tell what it read two steps before: only with clipping does one of 7 learning rates work.
"""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import backprop_jax as bp

jax.config.update("jax_enable_x64", True)  # float32 ends at 1e-38
figure, panels = plt.subplots(1, 2, figsize=(14, 6), layout="constrained", width_ratios=[1.2, 1])
orthogonal, relu_rnn = bp.initializers.orthogonal, partial(bp.RNNCell, activation="relu")
cells = {"RNN, ReLU, √2 orthogonal": relu_rnn(64, recurrent_init=orthogonal(2**0.5))}
cells |= {f"LSTM, forget bias {bias}": bp.LSTMCell(64, forget_bias=bias) for bias in (1, 0)}
cells |= {"RNN, ReLU, orthogonal": relu_rnn(64), "GRU": bp.GRUCell(64), "RNN, tanh": bp.RNNCell(64)}


# Backpropagation through time, written out: the cell's own rule, from the last step to the first.
@partial(jax.jit, static_argnums=0)
def norms_back(cell: bp.Layer, params: dict, start: jax.Array, x: jax.Array, dy: jax.Array) -> jax.Array:
    def forward(carry, x):
        (carry, _), _, residuals = cell.forward(params, (), (carry, x))
        return carry, residuals

    def backward(dcarry, slices):
        _, (dcarry, _) = cell.backward(params, slices[0], (dcarry, slices[1]))
        return dcarry, jax.vmap(bp.optim.global_norm)(dcarry)  # of an LSTM h and c together

    _, residuals = jax.lax.scan(forward, start, x)
    _, norms = jax.lax.scan(backward, jax.tree.map(jnp.zeros_like, start), (residuals, dy), reverse=True)
    return norms[::-1] / jnp.linalg.norm(dy[-1], axis=-1)


x, dy = jax.random.normal(jax.random.key(0), (2, 200, 16, 64))
dy = dy.at[:-1].set(0)  # the loss looks at the last step only
print("left of the norm of dL/dcarry:   50 steps back   200 steps back, and its range")
for name, cell in cells.items():
    start = cell.initial_carry(x[0])
    draws = (cell.init(jax.random.key(seed), (start, x[0]))[0] for seed in range(4))
    norms = jnp.hstack([norms_back(cell, params, start, x, dy) for params in draws])
    low, middle, high = jnp.quantile(norms, jnp.array([0, 0.5, 1]), axis=1)
    print(f"{name:27} {middle[49]:14.1e} {middle[199]:16.1e}, {low[199]:.1e} to {high[199]:.1e}")
    panels[0].semilogy(range(1, 201), middle, label=name)
    panels[0].fill_between(range(1, 201), low, high, alpha=0.2, linewidth=0)
network = bp.chain(bp.recurrent(relu_rnn(32, recurrent_init=orthogonal(1.6))), bp.Dense(1))
objective = bp.supervised(network, bp.losses.MeanSquaredError())
x = jax.random.normal(jax.random.key(1), (150, 16, 50, 1), "float32")
y = jnp.roll(x, 2, axis=2).at[:, :, :2].set(0)
params, state = objective.init(jax.random.key(1), (x[0], y[0]))
rates = 10.0 ** jnp.arange(-13, 1, 2, dtype="float32")


def train(clipping: bp.optim.Transform, rate: jax.Array) -> jax.Array:
    def step(params, batch):
        (loss, _), gradient = bp.value_and_grad(objective)(params, state, batch)
        updates, _ = clipping.update(gradient, clipping.init(params))
        return jax.tree.map(lambda param, update: param - rate * update, params, updates), loss

    return jax.lax.scan(step, params, (x, y))[1]


for name, clipping in (("no clipping", bp.optim.identity()), ("clipped to 1", bp.optim.clip_by_global_norm(1.0))):
    losses = jax.jit(jax.vmap(partial(train, clipping)))(rates)
    best = jnp.nanargmin(losses[:, -20:].mean(1))
    print(f"{name}: loss {losses[best, -20:].mean():.3f} at its best learning rate, {rates[best]:.0e}")
    panels[1].semilogy(losses[best], label=f"{name}, best learning rate {rates[best]:.0e}")
panels[0].set(xlabel="steps back", ylabel="norm of dL/dcarry, relative to the last", title="4 draws: median and range")
panels[1].set(xlabel="training step", ylabel="training loss", title="an RNN whose weights start too large, SGD")
for panel in panels:
    panel.legend()
Path("runs").mkdir(exist_ok=True)
figure.savefig("runs/vanishing_gradients.png", dpi=110)
