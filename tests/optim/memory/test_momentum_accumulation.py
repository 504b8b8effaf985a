from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import STEPS, assert_close, ours, params_and_gradients, theirs, train, train_in_float32

SHAPES = {"w": jax.ShapeDtypeStruct((3, 2), jnp.float32), "b": [jax.ShapeDtypeStruct((), jnp.float32), None]}
COSINE = "cosine_decay_schedule(0.1, 15, alpha=0.1)"


@pytest.mark.parametrize("text", ["sgd(0.1, momentum=0.9)", f"sgd({COSINE}, 0.5)", "chain(trace(0.9), scale(-1.0))"])
def test_equals_a_buffer(text: str) -> None:
    params, gradients = params_and_gradients(SHAPES)
    every_k = STEPS // 10
    mine = train(optim.accumulate_in_momentum(ours(text), every_k), params, gradients)
    other = train_in_float32(optax.MultiSteps(theirs(text), every_k), params, gradients)
    assert_close(mine[0], other[0], 1e-5)
    assert_close(mine[2], other[2], 1e-5)


def test_needs_no_buffer() -> None:
    params = {"w": jnp.zeros(1000)}
    optimizer = optim.sgd(0.1, momentum=0.9)
    size = lambda state: sum(leaf.size for leaf in jax.tree.leaves(state))
    accumulating = optim.accumulate_in_momentum(optimizer, 4)
    assert size(accumulating.init(params)) == size(optimizer.init(params)) + 1


@pytest.mark.parametrize("text", ["adam(0.1)", "sgd(0.1)", "sgd(0.1, 0.9, nesterov=True)", "scale(0.1)"])
def test_other_recipes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="use MultiSteps"):
        optim.accumulate_in_momentum(ours(text), 2)


@pytest.mark.parametrize("every_k", [0, 2.5])
def test_every_k_must_be_a_number_of_batches(every_k: Any) -> None:
    with pytest.raises(ValueError, match=f"every_k must be a whole number above 0, got {every_k}"):
        optim.accumulate_in_momentum(optim.sgd(0.1, 0.9), every_k)


def test_a_part_of_the_state_may_carry_hyperparameters() -> None:
    optimizer, gradient = optim.accumulate_in_momentum(optim.sgd(0.1, momentum=0.9), 1), jnp.ones(2)
    state = optimizer.init(gradient)
    momentum, rate = state.inner_state
    changed = (optim.with_hyperparams(momentum, decay=0.5), optim.with_hyperparams(rate, learning_rate=1.0))
    whole = optim.with_hyperparams(state.inner_state, decay=0.5, learning_rate=1.0)
    for inner_state in (changed, whole):
        _, new_state = optimizer.update(gradient, state._replace(inner_state=inner_state))
        assert_close(optimizer.update(gradient, new_state)[0], jnp.full(2, -1.5), 1e-6)
