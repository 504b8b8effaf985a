"""Every recipe under jit, with donated and sharded state, over a batch of learning rates, and built anew."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim
from tests.optim.case import Case
from tests.optim.oracle import assert_close, ours, random_like
from tests.optim.rows import RECIPES

pytestmark = pytest.mark.filterwarnings("ignore:`optimistic_adam` is deprecated")

SHAPES = {"w": jax.ShapeDtypeStruct((8, 16), jnp.float32), "b": jax.ShapeDtypeStruct((16,), jnp.float32)}
CASES = [next(case for case in cases if "wave" not in case.text) for cases in RECIPES.values()]


traced: list[Case] = []


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=(3, 4))
def step(optimizer: Any, case: Case, gradient: Any, state: Any, params: Any) -> tuple[Any, Any]:
    traced.append(case)  # once for each program
    updates, state = optimizer.update(gradient, state, params, **case.extra(params, gradient))
    return optim.apply_updates(params, updates), state


def two_steps(case: Case, params: Any) -> tuple[Any, Any]:
    optimizer = ours(case.text)
    carry = jax.tree.map(jnp.copy, params), optimizer.init(params)
    for seed in (1, 2):
        gradient = random_like(SHAPES, seed)
        if len(params["w"].sharding.device_set) > 1:
            gradient = jax.tree.map(lambda leaf, param: jax.device_put(leaf, param.sharding), gradient, params)
        carry = step(optimizer, case, gradient, carry[1], carry[0])
    return carry


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rebuilt_and_repeated_it_compiles_once(case: Case) -> None:
    params = random_like(SHAPES, 0)
    before = len(traced)
    two_steps(case, params)
    two_steps(case, params)
    assert traced[before:] == [case]


@pytest.mark.parametrize("name", ["sgd", "adamw", "lion", "lamb", "adafactor"])
def test_a_batch_of_learning_rates(name: str) -> None:
    params, gradient = random_like(SHAPES, 0), random_like(SHAPES, 1)
    rates = jnp.array([1e-3, 0.1])

    def update(rate: jax.Array) -> Any:
        optimizer = getattr(optim, name)(rate)
        return optimizer.update(gradient, optimizer.init(params), params)[0]

    together = jax.vmap(update)(rates)
    assert_close(together, jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(update, rates)), 1e-6)


def sharded_steps() -> None:
    """What the subprocess runs: sharded over eight devices, every recipe gives what one device gives."""
    mesh = jax.make_mesh((8,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    place = lambda *axes: jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*axes))
    params = random_like(SHAPES, 0)
    sharded = {"w": jax.device_put(params["w"], place("x")), "b": jax.device_put(params["b"], place())}
    for case in CASES:
        state = ours(case.text).init(sharded)
        new_params, new_state = two_steps(case, sharded)
        assert_close((new_params, new_state), two_steps(case, params), 2e-5)
        assert new_params["w"].sharding.is_equivalent_to(place("x"), 2), case
        for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(new_state), strict=True):
            assert old.shape == new.shape and old.dtype == new.dtype, case
            if old.shape == (8, 16):
                assert old.sharding.is_equivalent_to(place("x"), 2), f"{case}: init put {old.sharding}"
                assert new.sharding.is_equivalent_to(place("x"), 2), f"{case}: update put {new.sharding}"
    print(len(CASES), "recipes equal on", jax.device_count(), "devices")


def test_sharded_state() -> None:
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=8",
    }
    program = f"from {__name__} import sharded_steps; sharded_steps()"
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=600)
    assert run.stdout.strip() == f"{len(CASES)} recipes equal on 8 devices", run.stderr[-3000:]


def test_every_recipe_takes_a_traced_learning_rate() -> None:
    for name in RECIPES:
        recipe = getattr(optim, name)
        key = {"key": 0} if "key" in inspect.signature(recipe).parameters else {}
        if "learning_rate" in inspect.signature(recipe).parameters:
            jax.eval_shape(lambda rate, make=partial(recipe, **key): make(learning_rate=rate).init(SHAPES), 0.1)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_may_be_injected(name: str) -> None:
    recipe, case = getattr(optim, name), next(case for case in CASES if case.text.startswith(f"{name}("))
    arguments = {"learning_rate": 0.1, "key": 0, "alpha": 0.5, "beta": 0.5} if name.endswith("descent") else {}
    parameters = inspect.signature(recipe).parameters
    arguments |= {key: value for key, value in {"learning_rate": 0.1, "key": 0}.items() if key in parameters}
    arguments = {key: value for key, value in arguments.items() if key in parameters}
    optimizer = optim.inject_hyperparams(recipe)(**arguments)

    def update(params: Any, gradient: Any) -> Any:
        state = optimizer.init(params)
        return state, optimizer.update(gradient, state, params, **case.extra(params, gradient))[1]

    before, after = jax.eval_shape(update, SHAPES, SHAPES)
    assert before == after
