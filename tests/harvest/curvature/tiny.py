"""A net so small that its curvature can be written down as matrices, and the matrices."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

import backprop_jax as bp

__all__ = ["CLASSES", "NUMBERS", "PARAMS", "Dense", "X", "dense", "mlp"]

# Three examples of four numbers, and the weights of 4 - tanh - 3 units: those that BackPACK was given.
X = np.array([[1.54, -0.29, -2.18, 0.57], [-1.08, -1.40, 0.40, 0.84], [-0.72, -0.40, -0.60, 0.18]], np.float32)
CLASSES = np.array([0, 2, 1])
NUMBERS = np.eye(3, dtype=np.float32)
PARAMS: Any = (
    {
        "w": np.array([[0.1, -0.2, 0.4], [0.3, 0.2, -0.1], [-0.4, 0.5, 0.2], [0.2, 0.1, -0.3]], np.float32),
        "b": np.array([0.1, -0.2, 0.3], np.float32),
    },
    (),
    {
        "w": np.array([[0.5, -0.3, 0.2], [0.4, 0.1, -0.5], [-0.2, 0.3, 0.1]], np.float32),
        "b": np.array([-0.1, 0.2, 0.0], np.float32),
    },
)


def mlp() -> bp.Layer:
    return bp.chain(bp.Dense(3), bp.Tanh(), bp.Dense(3))


class Dense(NamedTuple):
    """Matrices by the parameters as one vector, in the order of `ravel_pytree`."""

    gauss_newton: jax.Array
    gradients: jax.Array  # (B, P), of the examples' own losses


def dense(objective: bp.core.objective.Supervised, params: Any, state: Any, batch: Any) -> Dense:
    """By the whole Jacobian and jax.hessian of the loss alone, of the mean over the examples."""
    flat, unravel = ravel_pytree(params)
    x, target = batch

    def outputs(vector: jax.Array) -> jax.Array:
        return objective.layer.forward(unravel(vector), state, x)[0]

    def loss(prediction: jax.Array) -> jax.Array:
        return jnp.mean(objective.loss.forward((), (), (prediction, target))[0])

    def alone(vector: jax.Array, x: jax.Array, target: jax.Array) -> jax.Array:
        return jnp.mean(objective.forward(unravel(vector), state, (x[None], target[None]))[0])

    def matrices(flat: jax.Array) -> Dense:
        prediction = outputs(flat)
        jacobian = jax.jacobian(outputs)(flat).reshape(prediction.size, -1)
        inner = jax.hessian(loss)(prediction).reshape(prediction.size, prediction.size)
        gradients = jax.vmap(jax.grad(alone), (None, 0, 0))(flat, x, target)
        return Dense(jacobian.T @ inner @ jacobian, gradients)

    return jax.jit(matrices)(flat)
