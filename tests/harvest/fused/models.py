"""Small objectives with their batches, and what steps of the whole make of them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from backprop_jax import losses, optim

BLOCK = bp.skip(bp.chain(bp.LayerNorm(), bp.Dense(6), bp.Tanh(), bp.Dropout(0.3), bp.Dense(4)))
RANDOM = np.random.default_rng(0)
BATCHES = [(RANDOM.standard_normal((5, 3)).astype(np.float32), RANDOM.integers(0, 2, 5)) for _ in range(3)]


def model(depth: int) -> bp.Layer:
    return bp.chain(first=bp.Dense(4), blocks=bp.scan(BLOCK, depth), last=bp.chain(bp.ReLU(), bp.Dense(2)))


OBJECTIVE = bp.supervised(model(3), losses.CrossEntropy())


def assert_steps_equal(objective: bp.Layer, fused_step: Any, optimizer: Any, batches: list = BATCHES) -> None:
    params, state = objective.init(jax.random.key(0), batches[0])
    training, values, expected = fused_step.start(params, state), [], []
    optimizer_state, whole = optimizer.init(params), jax.jit(bp.value_and_grad(objective))
    for batch in batches:
        training, value = fused_step(training, batch)
        values.append(value)
        (value, state), gradient = whole(params, state, batch)
        updates, optimizer_state = optimizer.update(gradient, optimizer_state, params)
        params = optim.apply_updates(params, updates)
        expected.append(value)
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    ours, theirs = fused_step.finish(training), (params, state)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
