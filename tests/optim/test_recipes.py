from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, params_and_gradients, train

ADAPTIVE = [
    optim.adabelief,
    optim.adadelta,
    optim.adagrad,
    optim.adam,
    optim.adamax,
    optim.adamaxw,
    optim.adamw,
    optim.adan,
    optim.amsgrad,
    optim.nadam,
    optim.nadamw,
    optim.novograd,
    optim.radam,
    optim.rmsprop,
    optim.yogi,
]


@pytest.mark.parametrize(("mine", "other"), [(optim.sgd, optax.sgd), (optim.adamw, optax.adamw)])
def test_learning_rates_side_by_side(mine: Any, other: Any) -> None:
    params, gradients = params_and_gradients({"w": jax.ShapeDtypeStruct((3, 4), jnp.float32)})
    rates = jnp.array([0.0, 1e-3, 0.1])
    actual, expected = (
        jax.vmap(lambda rate, recipe=recipe: train(recipe(rate), params, gradients))(rates) for recipe in (mine, other)
    )
    assert_close(actual, expected, 1e-6)


@pytest.mark.parametrize("recipe", [optim.sgd, *ADAPTIVE])
def test_hyperparameters_may_be_injected(recipe: Any) -> None:
    params = {"w": jnp.array([1.0, -2.0])}
    plain, injected = recipe(0.1), optax.inject_hyperparams(recipe)(0.1)
    state = injected.init(params)
    expected_updates, expected_state = plain.update(params, plain.init(params), params)
    updates, state = jax.jit(injected.update)(params, state, params)
    assert_close((updates, state.inner_state), (expected_updates, expected_state), 1e-4)


@pytest.mark.parametrize("recipe", [optim.sgd, *ADAPTIVE])
def test_negative_learning_rate_is_refused(recipe: Any) -> None:
    with pytest.raises(ValueError, match=r"learning_rate must not be negative or NaN, got -0.1; the step goes"):
        recipe(-0.1)


def test_other_arguments_are_refused_by_the_transforms() -> None:
    with pytest.raises(ValueError, match="trace: decay must be in"):
        optim.sgd(0.1, momentum=1.5)
    with pytest.raises(ValueError, match="scale_by_adam: b2 must be in"):
        optim.adamw(0.1, b2=1.0)


@pytest.mark.parametrize("recipe", [optim.sgd, *ADAPTIVE])
def test_empty_trees_and_numbers(recipe: Any) -> None:
    optimizer = recipe(0.1)
    assert optimizer.update({}, optimizer.init({}), {})[0] == {}
    update, _ = optimizer.update(1.0, optimizer.init(2.0), 2.0)
    assert update.shape == () and update < 0


def test_prints_as_its_chain() -> None:
    assert repr(optim.sgd(0.1)) == "chain(identity(), scale_by_learning_rate(learning_rate=0.1, flip_sign=True))"
