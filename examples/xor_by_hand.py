"""The four steps of training, written out: forward, loss, backward, update. Two layers learn XOR.

python examples/xor_by_hand.py
"""

import jax
import jax.numpy as jnp

import backprop_jax as bp

x = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
target = jnp.array([[0.0], [1.0], [1.0], [0.0]])

# Layers are values; their parameters live outside, as plain dictionaries.
hidden, activation, readout, loss = bp.Dense(8), bp.Tanh(), bp.Dense(1), bp.losses.MeanSquaredError()
hidden_key, readout_key = jax.random.split(jax.random.key(0))
hidden_params, _ = hidden.init(hidden_key, x)
readout_params, _ = readout.init(readout_key, jnp.zeros((4, 8)))


@jax.jit
def step(hidden_params, readout_params, learning_rate):
    # 1. Forward: each layer returns its output, its state (none here) and what its backward will need.
    h, _, saved_by_hidden = hidden.forward(hidden_params, (), x)
    a, _, saved_by_activation = activation.forward((), (), h)
    y, _, saved_by_readout = readout.forward(readout_params, (), a)

    # 2. Loss: one number that says how wrong y is.
    value, _, saved_by_loss = loss.forward((), (), (y, target))

    # 3. Backward: the same layers in reverse. Each is handed the cotangent of its output, returns that of its input.
    _, (dy, _) = loss.backward((), saved_by_loss, jnp.ones(()))
    dreadout_params, da = readout.backward(readout_params, saved_by_readout, dy)
    _, dh = activation.backward((), saved_by_activation, da)
    dhidden_params, _ = hidden.backward(hidden_params, saved_by_hidden, dh)

    # 4. Update: a small step against the gradient.
    def descend(param, gradient):
        return param - learning_rate * gradient

    hidden_params = jax.tree.map(descend, hidden_params, dhidden_params)
    readout_params = jax.tree.map(descend, readout_params, dreadout_params)
    return hidden_params, readout_params, value, y


for number in range(1, 2001):
    hidden_params, readout_params, value, y = step(hidden_params, readout_params, 0.2)
    if number in (1, 10, 100, 500, 1000, 2000):
        print(f"step {number:4}   loss {value:.6f}   outputs {'  '.join(f'{float(out):5.2f}' for out in y[:, 0])}")

print("\n x1  x2   wanted   learned")
for row, wanted, learned in zip(x, target, y, strict=True):
    print(f"  {row[0]:.0f}   {row[1]:.0f}      {wanted[0]:.0f}      {learned[0]:6.3f}")
