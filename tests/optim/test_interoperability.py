"""Ours wherever optax's is expected, optax's wherever ours is, and one's state in the other's hands."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close, ours, params_and_gradients, theirs

SHAPES = {
    "w": jax.ShapeDtypeStruct((3, 4), jnp.float32),
    "head": {"b": jax.ShapeDtypeStruct((2,), jnp.float32)},
}
COSINE = "cosine_decay_schedule(0.1, 15, alpha=0.1)"
RECIPES = [
    f"sgd({COSINE}, momentum=0.9, nesterov=True)",
    f"adamw({COSINE}, weight_decay=0.1, mask={{'w': True, 'head': False}})",
    "adafactor(0.1)",
    "noisy_sgd(0.1, key=3)",
]
WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "optax.chain": lambda optimizer: optax.chain(optax.clip_by_global_norm(1.0), optimizer),
    "optax.MultiSteps": lambda optimizer: optax.MultiSteps(optimizer, every_k_schedule=2),
    "optax.masked": lambda optimizer: optax.masked(
        optimizer, lambda tree: jax.tree.map(lambda leaf: leaf.ndim == 1, tree)
    ),
}


def run(optimizer: Any, state: Any = None, steps: range = range(4), params: Any = None) -> tuple[Any, Any]:
    start, gradients = params_and_gradients(SHAPES)
    params = start if params is None else params
    state = optimizer.init(params) if state is None else state
    update = jax.jit(lambda *arguments: optimizer.update(*arguments))
    for step in steps:
        updates, state = update(jax.tree.map(lambda leaf, step=step: leaf[step], gradients), state, params)
        params = optax.apply_updates(params, updates)
    return params, state


def classes(state: Any) -> list[type]:
    """The class of every named tuple in a state, from the outside inwards."""
    if isinstance(state, dict):
        return [found for part in state.values() for found in classes(part)]
    if not isinstance(state, tuple):
        return []
    own = [type(state)] if hasattr(state, "_fields") else []
    return own + [found for part in state for found in classes(part)]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_optax_takes_ours(wrapper: str, recipe: str) -> None:
    mine, other = run(WRAPPERS[wrapper](ours(recipe))), run(WRAPPERS[wrapper](theirs(recipe)))
    assert_close(mine, other, 1e-5)
    assert str(jax.tree.structure(mine)) == str(jax.tree.structure(other))


@pytest.mark.parametrize("recipe", RECIPES)
def test_we_take_optax(recipe: str) -> None:
    params = run(optax.chain(optax.clip_by_global_norm(1.0), theirs(recipe)))[0]
    assert_close(run(optim.chain(optim.clip_by_global_norm(1.0), theirs(recipe)))[0], params, 1e-5)
    assert_close(run(optim.chain(optax.clip_by_global_norm(1.0), ours(recipe)))[0], params, 1e-5)


def test_groups_take_both() -> None:
    labels = {"w": "rest", "head": "head"}
    expected = optax.partition({"head": optax.lion(0.1), "rest": optax.adam(0.1)}, labels)
    mixed = optim.groups({"head/*": optax.lion(0.1)}, default=optim.adam(0.1))
    assert_close(run(mixed)[0], run(expected)[0], 1e-5)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_state_of_optax_goes_through_ours_and_back(recipe: str) -> None:
    mine, other = ours(recipe), theirs(recipe)
    expected = run(other, steps=range(9))
    params, state = run(other, steps=range(3))
    params, through_ours = run(mine, state, range(3, 6), params)
    assert classes(through_ours) == classes(state)
    assert jax.tree.structure(through_ours) == jax.tree.structure(state)
    assert_close(run(other, through_ours, range(6, 9), params), expected, 1e-5)
    # A state that ours began continues in optax's too.
    params, state = run(mine, steps=range(3))
    assert_close(run(other, state, range(3, 9), params)[0], expected[0], 1e-5)


def test_what_needs_the_loss_gets_it_through_both() -> None:
    params, _ = params_and_gradients(SHAPES)
    expected = None
    for optimizer in (
        optax.chain(optax.scale(2.0), optax.chain(optax.polyak_sgd())),
        optax.chain(optax.scale(2.0), optim.chain(optim.polyak_sgd())),
        optim.chain(optim.scale(2.0), optax.chain(optim.polyak_sgd())),
        optim.chain(optim.scale(2.0), optax.polyak_sgd()),
        optim.groups({}, default=optax.chain(optim.scale(2.0), optim.polyak_sgd())),
    ):
        updates, _ = optimizer.update(params, optimizer.init(params), params, value=0.1)
        expected = updates if expected is None else expected
        assert_close(updates, expected, 1e-6)


@pytest.mark.parametrize("recipe", RECIPES)
def test_train_state_of_flax(recipe: str) -> None:
    train_state = pytest.importorskip("flax.training.train_state")
    params, _ = params_and_gradients(SHAPES)
    mine, other = (
        train_state.TrainState.create(apply_fn=None, params=params, tx=optimizer)
        for optimizer in (ours(recipe), theirs(recipe))
    )
    continued = other.apply_gradients(grads=params).replace(tx=ours(recipe))
    step = jax.jit(lambda state, gradients: state.apply_gradients(grads=gradients))
    mine, other = (step(step(state, params), params) for state in (mine, other))
    assert_close(mine.params, other.params, 1e-5)
    assert_close(step(continued, params).params, other.params, 1e-5)


@pytest.mark.parametrize("recipe", ["sgd(0.1, momentum=0.9)", "adamw(0.1)", "lamb(0.1)"])
def test_optimizer_of_nnx(recipe: str) -> None:
    nnx = pytest.importorskip("flax.nnx")
    x = jnp.arange(6.0).reshape(3, 2)

    def trained(optimizer: Any) -> Any:
        model = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
        optimizer = nnx.Optimizer(model, optimizer, wrt=nnx.Param)

        @nnx.jit
        def step(model: Any, optimizer: Any) -> None:
            optimizer.update(model, nnx.grad(lambda model: jnp.mean(model(x) ** 2))(model))

        for _ in range(2):
            step(model, optimizer)
        return nnx.to_pure_dict(nnx.state(model))

    expected = trained(theirs(recipe))
    assert_close(trained(ours(recipe)), expected, 1e-5)
    assert_close(trained(optim.groups({"*/kernel": theirs(recipe)}, default=ours(recipe))), expected, 1e-5)


@pytest.mark.parametrize("recipe", RECIPES)
def test_is_of_optax_and_a_value(recipe: str) -> None:
    optimizer = ours(recipe)
    assert isinstance(optimizer, optax.GradientTransformationExtraArgs)
    assert isinstance(optimizer, optax.GradientTransformation) and isinstance(optimizer, optim.Transform)
    init, update = optimizer
    params, _ = params_and_gradients(SHAPES)
    assert_close(update(params, init(params), params), optimizer.update(params, optimizer.init(params), params), 0.0)
    for again in (copy.copy(optimizer), copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert type(again) is type(optimizer) and again == optimizer and hash(again) == hash(optimizer)


def test_fields_are_replaced() -> None:
    adam = optim.scale_by_adam(b1=0.5)
    assert dataclasses.replace(adam, b2=0.9) == optim.scale_by_adam(b1=0.5, b2=0.9)
    assert type(dataclasses.replace(adam, b2=0.9)) is optim.scale_by_adam
    assert optim.replace_hyperparams(optim.chain(adam), b2=0.9) == optim.chain(optim.scale_by_adam(b1=0.5, b2=0.9))


WITHOUT_OPTAX = """
import copy, dataclasses, pickle, sys
sys.modules["optax"] = None  # importing it is an error now
import jax, jax.numpy as jnp
from backprop_jax import optim

optimizer = pickle.loads(sys.stdin.buffer.read())
init, update = optimizer
params = {"w": jnp.ones(2), "b": jnp.ones(2)}
state = optim.with_hyperparams(init(params), learning_rate=0.2)
updates, state = jax.jit(update)(params, state, params)
assert copy.copy(optimizer) == copy.deepcopy(optimizer) == optimizer
assert dataclasses.replace(optim.scale(0.1), step_size=0.2) == optim.scale(0.2)
optim.describe(optim.groups({"b": optimizer}, default=optim.sgd(0.1)), params)
sys.stderr.write(repr(updates["w"].tolist()))
sys.stdout.buffer.write(pickle.dumps(optimizer))
"""


def test_without_optax() -> None:
    optimizer = optim.adamw(0.1, mask=optim.matching("w"))
    command = [sys.executable, "-c", WITHOUT_OPTAX]
    done = subprocess.run(command, input=pickle.dumps(optimizer), capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    # Adam's first step of ones, and the decay, at the carried rate.
    np.testing.assert_allclose(eval(done.stderr), -0.2 * (1 + 1e-4), rtol=1e-5)
    assert pickle.loads(done.stdout) == optimizer
