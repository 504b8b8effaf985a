"""Optimizers of this library wherever one of optax is expected, and the other way round, on one small regression.

    python examples/ours_in_optax.py

No adapter is needed. Names, arguments, defaults and states are optax's, so a run that was begun with optax goes on with
this library from the same state, and back.
"""

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from flax.training.train_state import TrainState

from backprop_jax import optim

x = jax.random.normal(jax.random.key(0), (128, 4))
target = x @ jnp.array([[1.0], [-2.0], [0.5], [3.0]]) + 1.0
start = {"w": jnp.zeros((4, 1)), "b": jnp.zeros(1)}


def loss(params):
    return jnp.mean((x @ params["w"] + params["b"] - target) ** 2)


def train(optimizer, params, state, steps):
    """Ten lines that know of optax's interface only."""

    @jax.jit
    def step(params, state):
        value, gradient = jax.value_and_grad(loss)(params)
        # `value` reaches those who ask for it, such as polyak_sgd, through all that is around them.
        updates, state = optimizer.update(gradient, state, params, value=value)
        return optax.apply_updates(params, updates), state

    for _ in range(steps):
        params, state = step(params, state)
    return params, state


print("isinstance of optax's class:", isinstance(optim.adamw(0.1), optax.GradientTransformationExtraArgs))
for name, optimizer in {
    "ours in optax.chain, with the loss": optax.chain(optax.clip_by_global_norm(10.0), optim.polyak_sgd()),
    "ours in optax.MultiSteps": optax.MultiSteps(optim.adamw(0.1), every_k_schedule=2),
    "optax's in our chain": optim.chain(optim.clip_by_global_norm(10.0), optax.adam(0.1)),
    "optax's in our groups": optim.groups({"b": optax.sgd(0.1)}, default=optim.adam(0.1)),
    "optax's in our MultiSteps": optim.MultiSteps(optax.adamw(0.1), every_k_schedule=2),
}.items():
    params, _ = train(optimizer, start, optimizer.init(start), 200)
    print(f"{name:36} loss {loss(params):.6f}")

train_state = TrainState.create(apply_fn=None, params=start, tx=optim.adamw(0.1))
for _ in range(200):
    train_state = train_state.apply_gradients(grads=jax.grad(loss)(train_state.params))
print(f"{'ours in flax TrainState':36} loss {loss(train_state.params):.6f}")

model = nnx.Linear(4, 1, rngs=nnx.Rngs(0))
# Paths are those of the model's parameters: here "kernel" and "bias".
optimizer = nnx.Optimizer(model, optim.groups({"bias": optim.sgd(0.1)}, default=optim.adam(0.1)), wrt=nnx.Param)
for _ in range(200):
    value, gradient = nnx.value_and_grad(lambda model: jnp.mean((model(x) - target) ** 2))(model)
    optimizer.update(model, gradient)
print(f"{'ours in nnx.Optimizer':36} loss {value:.6f}")

# A run of 30 steps by optax, in which ours takes the middle third over: nobody could tell.
arguments = {"learning_rate": optax.cosine_decay_schedule(0.1, 30), "b1": 0.8, "weight_decay": 0.01}
theirs, ours = optax.adamw(**arguments), optim.adamw(**arguments)
alone, _ = train(theirs, start, theirs.init(start), 30)
params, state = train(theirs, start, theirs.init(start), 10)
params, state = train(ours, params, state, 10)
print(f"\nafter ours had it, the state is {type(state[0]).__module__}.{type(state[0]).__name__}")
params, state = train(theirs, params, state, 10)
difference = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b)), params, alone)
print(f"largest difference to optax alone: {max(map(float, jax.tree.leaves(difference))):.0e}")
