from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from scipy import optimize

from backprop_jax import optim
from tests.optim.oracle import rejects_update
from tests.optim.problems import exponential, rosenbrock, zakharov


def inverse_hessian(params: list[np.ndarray], gradients: list[np.ndarray], memory: int, scaled: bool) -> np.ndarray:
    """The matrix that BFGS has after the last `memory` steps between these points, each update written out."""
    identity, matrix = np.eye(len(params[0])), np.eye(len(params[0]))
    steps, changes = np.diff(params, axis=0), np.diff(gradients, axis=0)
    if scaled and len(params) == 1:
        matrix = identity * min(1, 1 / np.linalg.norm(gradients[0]))
    elif scaled:
        matrix = identity * (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for s, y in list(zip(steps, changes, strict=True))[-memory:]:
        rho = 1 / (s @ y)
        matrix = (identity - rho * np.outer(s, y)) @ matrix @ (identity - rho * np.outer(y, s)) + rho * np.outer(s, s)
    return matrix


def as_real(tree: Any) -> np.ndarray:
    vector = ravel_pytree(tree)[0]
    return np.concatenate([vector.real, vector.imag])


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("memory", [1, 3, 20])
def test_is_bfgs_with_a_matrix_written_out(memory: int, scaled: bool) -> None:
    with jax.enable_x64(True):
        numbers = np.random.default_rng(0)
        shapes = {"w": (2, 3), "b": (4,)}
        draw = lambda: {name: jnp.asarray(numbers.normal(size=shape)) for name, shape in shapes.items()}
        # Gradients that do not belong to an objective: the formula must hold for any.
        points, gradients = [draw() for _ in range(8)], [draw() for _ in range(8)]
        points = [jax.tree.map(lambda leaf: leaf + (0.5j * leaf**2 if leaf.ndim == 1 else 0), p) for p in points]
        gradients = [jax.tree.map(lambda leaf: leaf - (0.3j * leaf if leaf.ndim == 1 else 0), g) for g in gradients]
        transform = optim.scale_by_lbfgs(memory, scaled)
        state, update = transform.init(points[0]), jax.jit(transform.update)
        for t in range(8):
            direction, state = update(gradients[t], state, points[t])
            seen = [as_real(point) for point in points[: t + 1]], [as_real(gradient) for gradient in gradients[: t + 1]]
            expected = inverse_hessian(*seen, memory, scaled) @ as_real(gradients[t])
            np.testing.assert_allclose(as_real(direction), expected, rtol=1e-6, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.complex128])
def test_every_step_of_the_whole_is_that_of_optax(dtype: Any) -> None:
    def loss(params: jax.Array) -> jax.Array:
        return rosenbrock(jnp.real(params)) + jnp.sum(jnp.abs(params) ** 4)

    def run(optimizer: Any, params: jax.Array) -> Any:
        def step(carry: Any, _: None) -> Any:
            params, state = carry
            value, grad = jax.value_and_grad(loss)(params)
            grad = jnp.conj(grad)
            updates, state = optimizer.update(grad, state, params, value=value, grad=grad, value_fn=loss)
            return (params + updates, state), (params, state)

        return jax.jit(lambda start: jax.lax.scan(step, (start, optimizer.init(start)), length=8)[1])(params)

    with jax.enable_x64(True):
        start = jnp.array([-1.2, 1.0], dtype) * (1 if dtype == jnp.float64 else 1 + 0.5j)
        mine, other = run(optim.lbfgs(memory_size=3), start), run(optax.lbfgs(memory_size=3), start)
        for a, e in zip(jax.tree.leaves(mine), jax.tree.leaves(other), strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("loss", "start"), [(rosenbrock, [-1.2, 1.0]), (zakharov, [6.0, 7.0]), (exponential, [2.0, 3.0])]
)
def test_finds_the_minimum_that_scipy_finds(loss: Any, start: list[float]) -> None:
    with jax.enable_x64(True):
        optimizer, params = optim.lbfgs(), jnp.array(start)
        value_and_grad = optim.value_and_grad_from_state(loss)

        @jax.jit
        def step(params: Any, state: Any) -> tuple[Any, Any]:
            value, grad = value_and_grad(params, state=state)
            updates, state = optimizer.update(grad, state, params, value=value, grad=grad, value_fn=loss)
            return params + updates, state

        state = optimizer.init(params)
        for _ in range(40):
            params, state = step(params, state)
        expected = optimize.minimize(lambda x: float(loss(x)), start, jac=jax.grad(loss), method="BFGS", tol=1e-9).x
        np.testing.assert_allclose(params, expected, atol=1e-6)


def test_leaves_without_an_update_take_no_part() -> None:
    transform, params = optim.scale_by_lbfgs(2), {"a": jnp.ones(2), "b": jnp.ones(3)}
    alone, state_alone = transform, transform.init({"a": params["a"]})
    state = transform.init(params)
    for t in range(3):
        gradient, moved = jnp.array([1.0, 2.0 + t]), params["a"] - 0.1 * t
        updates, state = transform.update({"a": gradient, "b": None}, state, {"a": moved, "b": params["b"]})
        expected, state_alone = alone.update({"a": gradient}, state_alone, {"a": moved})
        np.testing.assert_allclose(updates["a"], expected["a"], rtol=1e-6)
    assert updates["b"] is None and jnp.all(state.params["b"] == 0)


def test_a_step_that_changed_nothing_is_forgotten() -> None:
    transform, params, gradient = optim.scale_by_lbfgs(2), jnp.ones(2), jnp.array([3.0, 4.0])
    state = transform.init(params)
    first, state = transform.update(gradient, state, params)
    np.testing.assert_allclose(first, gradient / 5, rtol=1e-6)
    again, state = transform.update(gradient, state, params)
    np.testing.assert_allclose(again, gradient)
    assert jnp.all(state.weights_memory == 0)


def test_the_oldest_step_comes_first_at_the_largest_count() -> None:
    transform, params = optim.scale_by_lbfgs(3), jnp.array([1.0, -2.0, 0.5])
    state = transform.init(params)
    for t in range(5):
        gradient = jnp.array([1.0, 4.0, 9.0]) * params
        late = state._replace(count=jnp.array(2**31 - 2, jnp.int32))
        if t == 4:  # 2^31 - 2 = 0 modulo 3, and 4 = 1: the memory turned by one slot is that of the late step
            turned = {name: jnp.roll(getattr(state, name), -1, 0) for name in state._fields if name.endswith("memory")}
            expected, _ = transform.update(gradient, state, params)
            np.testing.assert_allclose(transform.update(gradient, late._replace(**turned), params)[0], expected, 1e-6)
        updates, state = transform.update(gradient, state, params)
        params = params - 0.05 * updates


def test_wrong_calls_are_named() -> None:
    for size in (0, 2.5):
        with pytest.raises(ValueError, match=f"memory_size must be a whole number above 0, got {size}; 10 is usual"):
            optim.scale_by_lbfgs(size)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="chain: member 2 is 'zoom', which is no transform"):
        optim.lbfgs(linesearch="zoom")
    transform = optim.scale_by_lbfgs()
    state = transform.init(jnp.ones(2))
    assert "scale_by_lbfgs: update needs the parameters" in rejects_update(transform, jnp.ones(2), state)
    message = rejects_update(transform, jnp.ones(3), state, jnp.ones(3))
    assert "at the root updates has shape (3,), state.params has (2,)" in message


def test_half_precision_and_the_empty_tree() -> None:
    params = jnp.ones(3, jnp.bfloat16)
    transform = optim.scale_by_lbfgs(2)
    updates, state = transform.update(params, transform.init(params), params)
    assert updates.dtype == state.diff_params_memory.dtype == jnp.bfloat16 and state.weights_memory.dtype == jnp.float32
    assert transform.update({}, transform.init({}), {})[0] == {}
