from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from tests.optim.case import Case
from tests.optim.oracle import assert_close, ours, params_and_gradients, train
from tests.optim.rows import RECIPES, TRANSFORMS

SHAPES = {"w": jax.ShapeDtypeStruct((3, 4), jnp.float32), "b": jax.ShapeDtypeStruct((4,), jnp.bfloat16)}
SCHEDULE = optim.cosine_decay_schedule(0.1, 10)
CLIPPED = optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(0.1))


def run(optimizer: Any, state: Any, steps: int = 3) -> tuple[Any, Any]:
    params, gradients = params_and_gradients(SHAPES)
    for step in range(steps):
        gradient = jax.tree.map(lambda leaf, step=step: leaf[step], gradients)
        updates, state = optimizer.update(gradient, state, params)
        params = optim.apply_updates(params, updates)
    return params, state


def test_an_optimizer_shows_its_hyperparameters() -> None:
    mask = optim.masked(optim.trace(0.5), lambda params: True)
    assert list(
        optim.hyperparams(optim.chain(optim.clip_by_global_norm(2.0), mask, optim.adamw(SCHEDULE))).items()
    ) == [
        ("max_norm", 2.0),
        ("decay", 0.5),
        ("b1", 0.9),
        ("b2", 0.999),
        ("eps", 1e-8),
        ("eps_root", 0.0),
        ("weight_decay", 1e-4),
        ("learning_rate", SCHEDULE),
    ]


def test_values_that_differ_come_together() -> None:
    twice = optim.chain(optim.trace(0.5), optim.scale(1.0), optax.trace(0.9), optim.trace(0.6), optim.trace(0.5))
    assert optim.hyperparams(twice) == {"decay": (0.5, 0.6), "step_size": 1.0}


def test_optax_hides_its_own() -> None:
    with pytest.raises(TypeError, match="hides its hyper-parameters"):
        optim.hyperparams(optax.adam(0.1))


@pytest.mark.parametrize(
    ("optimizer", "changed", "values"),
    [
        (
            CLIPPED,
            optim.chain(optim.clip_by_global_norm(0.5), optim.adamw(0.3)),
            {"max_norm": 0.5, "learning_rate": 0.3},
        ),
        (optim.sgd(0.1, 0.9), optim.sgd(0.1, 0.5), {"decay": 0.5}),
        (optim.sgd(SCHEDULE), optim.sgd(0.3), {"learning_rate": 0.3}),
        (optim.scale_by_schedule(SCHEDULE), optim.scale(0.3), {"step_size_fn": 0.3}),
        (optim.adamw(0.1, weight_decay=SCHEDULE), optim.adamw(0.1, weight_decay=0.3), {"weight_decay": 0.3}),
        (
            optim.adamw(0.1, mask={"w": True, "b": False}),
            optim.adamw(0.2, mask={"w": True, "b": False}),
            {"learning_rate": 0.2},
        ),
        (
            optim.masked(CLIPPED, {"w": True, "b": False}),
            optim.masked(optim.chain(optim.clip_by_global_norm(0.5), optim.adamw(0.1)), {"w": True, "b": False}),
            {"max_norm": 0.5},
        ),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_values_in_the_state_replace_those_of_the_optimizer(optimizer: Any, changed: Any, values: Any) -> None:
    state = optimizer.init(params_and_gradients(SHAPES)[0])
    params, new_state = run(optimizer, optim.with_hyperparams(state, **values))
    expected, _ = run(changed, changed.init(params_and_gradients(SHAPES)[0]))
    assert_close(params, expected, 1e-6)
    assert isinstance(new_state, optim.HyperparamsState)
    assert jax.tree.structure(new_state.inner_state) == jax.tree.structure(state)
    assert optim.hyperparams(new_state) == {name: jnp.float32(value) for name, value in values.items()}
    assert optim.hyperparams(state) == {}
    rebuilt, _ = run(optim.replace_hyperparams(optimizer, **values), state)
    assert_close(rebuilt, expected, 1e-6)


def test_a_schedule_counts_on_under_a_number() -> None:
    optimizer = optim.sgd(SCHEDULE)
    state = optimizer.init(params_and_gradients(SHAPES)[0])
    _, state = run(optimizer, optim.with_hyperparams(state, learning_rate=0.3))
    assert optax.tree_utils.tree_get(state, "count") == 3
    assert optax.tree_utils.tree_get(state, "learning_rate") == jnp.float32(0.3)


def test_another_value_does_not_compile_again() -> None:
    traced = []

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(params: Any, state: Any) -> tuple[Any, Any]:
        traced.append(None)
        updates, state = CLIPPED.update(params, state, params)
        return optim.apply_updates(params, updates), state

    params = jax.tree.map(lambda leaf: jnp.ones(leaf.shape, leaf.dtype), SHAPES)
    state = optim.with_hyperparams(CLIPPED.init(params), learning_rate=0.1)
    for learning_rate in (0.3, 1, jnp.array(0.2), np.float64(0.1), jnp.bfloat16(0.5)):
        params, state = step(params, state)
        state = optim.with_hyperparams(state, learning_rate=learning_rate)
        assert state.hyperparams["learning_rate"].dtype == jnp.float32
        assert not state.hyperparams["learning_rate"].weak_type
        assert jnp.shape(learning_rate) == () and not getattr(learning_rate, "is_deleted", bool)()
    assert len(traced) == 1


def test_scan_and_vmap() -> None:
    params, gradients = params_and_gradients(SHAPES)

    def trained(learning_rate: Any) -> Any:
        def step(carry: Any, gradient: Any) -> tuple[Any, None]:
            params, state = carry
            updates, state = CLIPPED.update(gradient, state, params)
            return (optim.apply_updates(params, updates), state), None

        state = optim.with_hyperparams(CLIPPED.init(params), learning_rate=learning_rate)
        return jax.lax.scan(step, (params, state), gradients)[0][0]

    rates = jnp.array([0.1, 0.3])
    for position, rate in enumerate(rates.tolist()):
        expected = train(optim.replace_hyperparams(CLIPPED, learning_rate=rate), params, gradients)[0]
        assert_close(jax.tree.map(lambda leaf, at=position: leaf[at], jax.vmap(trained)(rates)), expected, 1e-5)


def test_a_part_of_the_state_may_carry_alone() -> None:
    optimizer = optim.chain(optim.trace(0.9), optim.scale(0.5), optim.trace(0.8), optax.scale(-1.0))
    first, *rest = optimizer.init(params_and_gradients(SHAPES)[0])
    params, state = run(optimizer, (optim.with_hyperparams(first, decay=0.2), *rest))
    expected = optim.chain(optim.trace(0.2), optim.scale(0.5), optim.trace(0.8), optim.scale(-1.0))
    assert_close(params, run(expected, expected.init(params_and_gradients(SHAPES)[0]))[0], 1e-6)
    assert optim.hyperparams(state) == {"decay": jnp.float32(0.2)}
    outer = optax.chain(optax.identity(), optim.sgd(0.1))
    inner, own = outer.init(params)
    _, state = run(outer, (inner, optim.with_hyperparams(own, learning_rate=0.3)))
    assert optim.hyperparams(state) == {"learning_rate": jnp.float32(0.3)}
    # What a part carries is replaced there, so that this goes through optax's chain too.
    again = optim.with_hyperparams(state, learning_rate=0.5)
    assert jax.tree.structure(again) == jax.tree.structure(state) and again[1].hyperparams["learning_rate"] == 0.5


@pytest.mark.parametrize("library", [optim, optax])
def test_values_of_injected_hyperparameters(library: Any) -> None:
    optimizer = library.inject_hyperparams(library.sgd)(0.1)
    state = optimizer.init(params_and_gradients(SHAPES)[0])
    assert optim.hyperparams(state) == {"learning_rate": jnp.float32(0.1)}
    changed = optim.with_hyperparams(state, learning_rate=0.3)
    assert jax.tree.structure(changed) == jax.tree.structure(state)
    params, changed = run(optimizer, changed)
    assert optim.hyperparams(changed) == {"learning_rate": jnp.float32(0.3)}
    assert_close(params, run(optim.sgd(0.3), optim.sgd(0.3).init(params))[0], 1e-6)
    with pytest.raises(ValueError, match="no transform has momentum; there are learning_rate"):
        optim.with_hyperparams(state, momentum=0.9)


def test_injected_hyperparameters_in_a_chain() -> None:
    optimizer = optim.chain(optim.trace(0.9), optim.inject_hyperparams(optim.adam)(SCHEDULE, eps_root=0.5))
    shown = {"decay": 0.9, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "eps_root": 0.5, "learning_rate": SCHEDULE}
    assert optim.hyperparams(optimizer) == shown
    expected = optim.chain(optim.trace(0.2), optim.adam(SCHEDULE, b1=0.5, eps_root=0.5))
    params, _ = params_and_gradients(SHAPES)
    state = optim.with_hyperparams(optimizer.init(params), decay=0.2, b1=0.5)
    assert list(state.hyperparams) == ["decay"]
    assert_close(run(optimizer, state)[0], run(expected, expected.init(params))[0], 1e-5)
    rebuilt = optim.replace_hyperparams(optimizer, decay=0.2, b1=0.5)
    assert_close(run(rebuilt, rebuilt.init(params))[0], run(expected, expected.init(params))[0], 1e-5)


def test_unknown_names_and_wrong_values_are_named() -> None:
    state = optim.sgd(0.1).init({})
    with pytest.raises(ValueError, match="no transform has lr, momentum; there are learning_rate"):
        optim.sgd(0.1).update({}, optim.with_hyperparams(state, lr=0.2, momentum=0.9))
    with pytest.raises(TypeError, match="learning_rate must be a number, got cosine_decay_schedule"):
        optim.with_hyperparams(state, learning_rate=SCHEDULE)
    with pytest.raises(TypeError, match="is no state; to change an optimizer, use replace_hyperparams"):
        optim.with_hyperparams(optim.sgd(0.1), learning_rate=0.1)


def test_a_transform_written_without_a_thought_of_this_takes_such_a_state() -> None:
    @dataclass(frozen=True)
    class multiply(optim.Transform):
        rate: float

        def init(self, params: Any) -> Any:
            return ()

        def update(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
            return jax.tree.map(lambda update: self.rate * update, updates), state

    updates, _ = multiply(0.5).update(jnp.ones(2), optim.with_hyperparams((), rate=2.0))
    assert updates.tolist() == [2.0, 2.0]


def test_float64() -> None:
    with jax.enable_x64(True):
        state = optim.with_hyperparams((), learning_rate=0.1, eps=jnp.float32(0.1))
        assert state.hyperparams["learning_rate"] == 0.1 and state.hyperparams["eps"].dtype == jnp.float32


SHARDED = """
import jax, jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec as P
from backprop_jax import optim

mesh = jax.make_mesh((2,), ("x",))
params = jax.device_put({"w": jnp.ones(4)}, NamedSharding(mesh, P("x")))
optimizer = optim.adam(0.1)
state = optim.with_hyperparams(optimizer.init(params), learning_rate=0.2)
step = jax.jit(lambda params, state: optimizer.update(params, state))
_, state = step(params, state)
_, state = step(params, state)
old = state.hyperparams["learning_rate"].sharding
compiled = step._cache_size()
changed = optim.with_hyperparams(state, learning_rate=0.3)
assert changed.hyperparams["learning_rate"].sharding == old and len(old.device_set) == 2
_, state = step(params, changed)
assert step._cache_size() == compiled
assert state.inner_state[0].mu["w"].sharding == params["w"].sharding
print("kept")
"""


def test_sharding_stays() -> None:
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2",
    }
    done = subprocess.run([sys.executable, "-c", SHARDED], env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout == "kept\n", done.stderr


@pytest.mark.parametrize(
    "case", [case for rows in (TRANSFORMS, RECIPES) for cases in rows.values() for case in cases], ids=str
)
@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
def test_every_hyperparameter_of_every_optimizer_can_be_carried(case: Case) -> None:
    optimizer = ours(case.text)
    values = dict.fromkeys(optim.hyperparams(optimizer), 0.5)

    def update(updates: Any, params: Any) -> tuple[Any, Any, Any]:
        state = optimizer.init(params)
        carrying = optim.with_hyperparams(state, **values)
        updates, new_state = optimizer.update(updates, carrying, params, **case.extra(params, updates))
        return updates, carrying, new_state

    updates, state, new_state = jax.eval_shape(update, case.shapes, case.shapes)
    assert updates == case.shapes and new_state == state
    assert set(optim.hyperparams(new_state)) == set(values)
