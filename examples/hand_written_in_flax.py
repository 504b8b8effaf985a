"""A flax model, trained by jax.grad and optax, in which one layer comes from this library.

    python examples/hand_written_in_flax.py

`as_jax_function` turns a layer into a function `(params, state, x) -> (y, state)` that `jax.grad` differentiates by the
layer's own backward. Nothing else in the program changes.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

import backprop_jax as bp

block = bp.skip(bp.chain(norm=bp.LayerNorm(), expand=bp.Dense(128), gelu=bp.GELU(), contract=bp.Dense(64)))
hand_written = bp.as_jax_function(block)


class HandWrittenBlock(nn.Module):
    """The block as a flax module: its parameters are flax parameters, its backward is ours."""

    @nn.compact
    def __call__(self, x):
        params = self.param("block", lambda key: block.init(key, x)[0])
        _, state = jax.eval_shape(block.init, jax.random.key(0), x)  # empty: no layer of this block has state
        y, _ = hand_written(params, state, x)
        return y


class Model(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Dense(64)(x)
        x = HandWrittenBlock()(x)
        return nn.Dense(1)(x)


def loss(params, x, target):
    return jnp.mean((model.apply(params, x) - target) ** 2)


model, optimizer = Model(), optax.adam(3e-3)
x = jax.random.normal(jax.random.key(1), (512, 4))
target = jnp.sin(2 * x[:, :1]) * x[:, 1:2] + x[:, 2:3] ** 2  # a surface to learn
params = model.init(jax.random.key(0), x)
optimizer_state = optimizer.init(params)


@jax.jit
def step(params, optimizer_state):
    value, gradient = jax.value_and_grad(loss)(params, x, target)
    updates, optimizer_state = optimizer.update(gradient, optimizer_state)
    return optax.apply_updates(params, updates), optimizer_state, value


for number in range(1, 501):
    params, optimizer_state, value = step(params, optimizer_state)
    if number in (1, 10, 100, 500):
        print(f"step {number:3}   loss {value:.5f}")

# The proof: the same block differentiated by JAX, on what reaches it.
block_params = params["params"]["HandWrittenBlock_0"]["block"]
inputs, dy = jax.random.normal(jax.random.key(2), (2, 8, 64))
_, state = block.init(jax.random.key(0), inputs)
_, by_hand = jax.vjp(lambda p, x: hand_written(p, state, x)[0], block_params, inputs)
_, by_jax = jax.vjp(lambda p, x: block.forward(p, state, x)[0], block_params, inputs)
difference = jax.tree.map(lambda a, b: float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(b))), by_hand(dy), by_jax(dy))
print(f"largest relative difference to jax.vjp of the same block: {max(jax.tree.leaves(difference)):.1e}")
