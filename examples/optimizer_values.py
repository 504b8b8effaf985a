"""Optimizers are values: print and compare them, change a rate in mid-training, give groups of parameters their own.

python examples/optimizer_values.py
"""

from functools import partial

import jax
import jax.numpy as jnp

from backprop_jax import optim

# What prints is the call that makes it, and what is made twice is the same: under jit nothing compiles again.
optimizer = optim.adamw(optim.warmup_cosine_decay_schedule(0.0, 1e-2, 50, 400), mask=optim.matrices_only)
again = optim.adamw(optim.warmup_cosine_decay_schedule(0.0, 1e-2, 50, 400), mask=optim.matrices_only)
print(optimizer)
print("made again, it is equal:", optimizer == again, "\n")
for name, value in optim.hyperparams(optimizer).items():
    print(f"  {name:13} {value}")

x = jax.random.normal(jax.random.key(0), (256, 8))
target = jnp.sin(x[:, :1]) * x[:, 1:2]
keys = jax.random.split(jax.random.key(1), 2)
params = {
    "body": {"w": jax.random.normal(keys[0], (8, 64)) / 8**0.5, "b": jnp.zeros(64)},
    "head": {"w": jax.random.normal(keys[1], (64, 1)) / 8, "b": jnp.zeros(1)},
}


def loss(params):
    hidden = jnp.tanh(x @ params["body"]["w"] + params["body"]["b"])
    return jnp.mean((hidden @ params["head"]["w"] + params["head"]["b"] - target) ** 2)


traces = []


@partial(jax.jit, static_argnums=0)  # an optimizer can be hashed, so it may be an argument
def step(optimizer, params, state):
    traces.append(optimizer)  # runs when the step is traced, not when it is run
    value, gradient = jax.value_and_grad(loss)(params)
    updates, state = optimizer.update(gradient, state, params)
    return optim.apply_updates(params, updates), state, value


def train(optimizer, params, state, steps):
    for _ in range(steps):
        params, state, value = step(optimizer, params, state)
    return params, state, value


# A value that the state carries goes before the optimizer's own, here before its schedule.
print("\nthe schedule gives way to a rate that is set by hand:")
trained, state, value = train(optimizer, params, optimizer.init(params), 200)
print(f"  by its schedule       loss {value:.5f}   traced {len(traces)} time")
for learning_rate in (3e-2, 1e-2, 1e-3):
    state = optim.with_hyperparams(state, learning_rate=learning_rate)
    trained, state, value = train(again, trained, state, 100)
    print(f"  learning_rate {learning_rate:<5}   loss {value:.5f}   traced {len(traces)} times")
print("  the state carries", {name: float(value) for name, value in optim.hyperparams(state).items()})

# Each group of parameters by its path. What an optimizer does where, and what that costs, is told before it runs.
grouped = optim.groups(
    {"*/b": optim.sgd(1e-2, momentum=0.9), "head/*": optim.lion(1e-3, weight_decay=0.01)},
    default=optimizer,
)
print()
print(optim.describe(grouped, params))
_, _, value = train(grouped, params, grouped.init(params), 300)
print(f"\nwith these groups       loss {value:.5f}")
