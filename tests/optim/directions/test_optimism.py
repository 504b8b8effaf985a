from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim


def test_first_step_is_the_plain_gradient_and_later_ones_look_ahead() -> None:
    optimistic = optim.scale_by_optimistic_gradient(alpha=2.0, beta=3.0)
    first, state = optimistic.update(jnp.array(1.0), optimistic.init(jnp.array(0.0)))
    second, state = optimistic.update(jnp.array(5.0), state)
    assert (first, second) == (2.0, 2.0 * 5.0 + 3.0 * 4.0)
    assert state.previous_gradient == 5.0 and not state.is_initial_step


def test_an_infinite_first_gradient_has_no_change() -> None:
    # inf - inf, which the first step must not look at
    optimistic = optim.scale_by_optimistic_gradient()
    state = optimistic.init(jnp.array(0.0))._replace(previous_gradient=jnp.array(jnp.inf))
    assert optimistic.update(jnp.array(jnp.inf), state)[0] == jnp.inf


@pytest.mark.parametrize("wrong", [{"alpha": -1.0}, {"beta": float("nan")}])
def test_wrong_coefficients_are_named(wrong: dict[str, float]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"gradient: {name} must not be negative or NaN, got {value}; 1 is usual"):
        optim.scale_by_optimistic_gradient(**wrong)


def test_min_max_game_converges() -> None:
    # min over x, max over y of x y: gradient descent runs away from the solution (0, 0), optimistic steps reach it.
    def distance(optimizer: optim.Transform) -> jax.Array:
        def step(carry: tuple[jax.Array, optim.Transform], _: None) -> tuple[tuple[jax.Array, optim.Transform], None]:
            point, state = carry
            updates, state = optimizer.update(jnp.array([point[1], -point[0]]), state)
            return (point + updates, state), None

        start = jnp.array([1.0, 2.0])
        (point, _), _ = jax.lax.scan(step, (start, optimizer.init(start)), length=300)
        return jnp.linalg.norm(point)

    assert distance(optim.sgd(0.1)) > 5.0 and distance(optim.optimistic_gradient_descent(0.1)) < 1.0
