from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.problems import rosenbrock


def wrong(params: jax.Array) -> jax.Array:
    return jnp.sum(0 * params) - 1.0


def test_evaluates_before_the_first_step_only() -> None:
    optimizer, params = optim.lbfgs(), {"value": jnp.array([-1.2, 1.0])}
    loss = lambda params: rosenbrock(params["value"])
    state = optimizer.init(params)
    value, grad = jax.jit(optim.value_and_grad_from_state(loss))(params, state=state)
    np.testing.assert_allclose(value, loss(params), rtol=1e-5)
    updates, state = optimizer.update(grad, state, params, value=value, grad=grad, value_fn=loss)
    params = optim.apply_updates(params, updates)
    value, grad = optim.value_and_grad_from_state(lambda params: wrong(params["value"]))(params, state=state)
    np.testing.assert_allclose(value, loss(params), rtol=1e-5)
    np.testing.assert_allclose(grad["value"], jax.grad(loss)(params)["value"], rtol=1e-4)


def test_passes_arguments_on() -> None:
    search, params = optim.scale_by_zoom_linesearch(5), jnp.ones(2)
    scaled = lambda params, factor, *, shift: factor * jnp.sum(params) + shift
    value, grad = optim.value_and_grad_from_state(scaled)(params, 3.0, state=search.init(params), shift=1.0)
    assert value == 7 and jnp.all(grad == 3)


def test_a_state_without_one_search_is_refused() -> None:
    params, value_and_grad = jnp.ones(2), optim.value_and_grad_from_state(rosenbrock)
    search = optim.scale_by_backtracking_linesearch(5)
    for optimizer in (optim.adam(0.1), search):
        with pytest.raises(ValueError, match="needs a line search as a member, with store_grad=True"):
            value_and_grad(params, state=optimizer.init(params))
    with pytest.raises(KeyError, match="2 line searches in the state"):
        value_and_grad(params, state=optim.chain(search, search).init(params))


def test_is_a_value() -> None:
    assert hash(optim.value_and_grad_from_state(wrong)) == hash(optim.value_and_grad_from_state(wrong))
