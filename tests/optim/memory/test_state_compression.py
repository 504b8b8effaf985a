from __future__ import annotations

from typing import Any

import flax.serialization
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import ours

LARGE, SMALL = (64, 128), (100,)


def bytes_of(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(("dtype", "per_number"), [("int8", 2 * (1 + 4 / 256)), ("bfloat16", 4.0)])
def test_bytes_are_known_before_anything_runs(dtype: Any, per_number: float) -> None:
    params = {"w": jax.ShapeDtypeStruct(LARGE, jnp.float32), "b": jax.ShapeDtypeStruct(SMALL, jnp.float32)}
    state = jax.eval_shape(optim.compress_state(optim.adam(1e-3), dtype).init, params)
    assert bytes_of(state) == per_number * 64 * 128 + 8 * 100 + 2 * 4  # two step counts


@pytest.mark.parametrize("dtype", ["int8", "bfloat16"])
def test_small_leaves_are_exact(dtype: Any) -> None:
    params, gradient = jnp.ones(SMALL), jnp.linspace(-1, 1, 100)
    exact, compressed = optim.adam(1e-3), optim.compress_state(optim.adam(1e-3), dtype)
    exact_state, state = exact.init(params), compressed.init(params)
    for _ in range(3):
        expected, exact_state = exact.update(gradient, exact_state, params)
        updates, state = compressed.update(gradient, state, params)
        np.testing.assert_array_equal(updates, expected)


@pytest.mark.parametrize("dtype", ["int8", "bfloat16"])
@pytest.mark.parametrize("text", ["adam(1e-2)", "adamw(1e-2)", "sgd(1e-1, momentum=0.9)"])
def test_trains_as_the_exact_optimizer(text: str, dtype: Any) -> None:
    """A bowl with curvatures over four decades, which is what makes second moments differ within a block."""
    curvature = jnp.asarray(10.0 ** np.random.default_rng(0).uniform(-4, 0, LARGE), jnp.float32)
    start = jnp.ones(LARGE)

    @jax.jit
    def last_loss(key: jax.Array) -> list[jax.Array]:
        losses = []
        for optimizer in (ours(text), optim.compress_state(ours(text), dtype)):

            def step(carry: Any, key: jax.Array, optimizer: Any = optimizer) -> tuple[Any, None]:
                params, state = carry
                gradient = curvature * params * (1 + 0.5 * jax.random.normal(key, LARGE))
                updates, state = optimizer.update(gradient, state, params)
                return (optim.apply_updates(params, updates), state), None

            (params, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), jax.random.split(key, 150))
            losses.append(jnp.sum(curvature * params**2))
        return losses

    exact, compressed = last_loss(jax.random.key(0))
    assert exact < 0.5 * jnp.sum(curvature)
    np.testing.assert_allclose(compressed, exact, rtol=0.1)


def test_copies_of_parameters_stay_exact() -> None:
    params = jnp.ones(LARGE, jnp.bfloat16)
    state = optim.compress_state(optim.master_weights(optim.adam(1e-3))).init(params)
    assert state.inner_state.master_params.dtype == jnp.float32
    assert state.inner_state.inner_state[0].mu.codes.dtype == jnp.int8


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("mu_dtype", [None, jnp.bfloat16])
def test_the_state_keeps_its_form(dtype: Any, mu_dtype: Any) -> None:
    params = jax.ShapeDtypeStruct(LARGE, dtype)
    for code in ("int8", "bfloat16"):
        optimizer = optim.compress_state(optim.adam(1e-3, mu_dtype=mu_dtype), code)
        state = jax.eval_shape(optimizer.init, params)
        updates, new_state = jax.eval_shape(optimizer.update, params, state, params)
        assert new_state == state and updates == params


def test_describe_tells_the_bytes_of_each_leaf() -> None:
    params = {"w": jnp.ones(LARGE), "b": jnp.ones(SMALL)}
    summary = optim.describe(optim.compress_state(optim.adam(1e-3)), params)
    assert {leaf.path: leaf.state_bytes for leaf in summary.leaves} == {"w": 2 * (8192 + 4 * 32), "b": 800}
    assert summary.shared_bytes == 8


def test_the_state_is_saved_by_flax() -> None:
    optimizer, params = optim.compress_state(optim.adam(1e-3)), jnp.linspace(-1, 1, 5000)
    _, state = optimizer.update(params, optimizer.init(params), params)
    restored = flax.serialization.from_bytes(optimizer.init(params), flax.serialization.to_bytes(state))
    jax.tree.map(np.testing.assert_array_equal, restored, state)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="dtype must be 'int8' or 'bfloat16', got 'int4'"):
        optim.compress_state(optim.adam(1e-3), "int4")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="compress_state: the optimizer is"):
        optim.compress_state(0.1)
