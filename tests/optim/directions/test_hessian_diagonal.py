from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim

MATRIX = jnp.array([[2.0, 0.5, -0.3], [0.5, -1.0, 0.7], [-0.3, 0.7, 3.0]])


def quadratic(params: Any) -> jax.Array:
    vector = jnp.concatenate([params["a"], params["b"]])
    return vector @ MATRIX @ vector / 2


def test_the_mean_is_the_diagonal() -> None:
    transform, params = optim.hutchinson_estimator_diag_hessian(), {"a": jnp.ones(2), "b": jnp.ones(1)}

    def step(state: Any, _: None) -> Any:
        estimate, state = transform.update(params, state, params, obj_fn=quadratic)
        return state, estimate

    _, estimates = jax.lax.scan(step, transform.init(params), length=2000)
    mean = jax.tree.map(lambda leaf: leaf.mean(0), estimates)
    # The deviation of the mean is at most sqrt(0.5² + 0.7²) / sqrt(2000) = 0.02.
    np.testing.assert_allclose(jnp.concatenate([mean["a"], mean["b"]]), jnp.diag(MATRIX), atol=0.1)


def test_a_diagonal_hessian_is_exact_in_any_mixture_of_dtypes() -> None:
    params = {"a": jnp.ones(2, jnp.bfloat16), "b": jnp.full(3, 2.0)}
    cubic = lambda params: sum(jnp.sum(leaf.astype(jnp.float32) ** 3) for leaf in jax.tree.leaves(params))
    transform = optim.hutchinson_estimator_diag_hessian()
    diagonal, _ = transform.update(params, transform.init(params), params, obj_fn=cubic)
    assert diagonal["a"].dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(diagonal["a"], np.float32), 6.0)
    np.testing.assert_allclose(diagonal["b"], 12.0)


@pytest.mark.parametrize("key", [jax.random.PRNGKey(7), jax.random.key(7), (0, 7), 7])
def test_keys_of_every_kind_are_values(key: Any) -> None:
    transform = optim.hutchinson_estimator_diag_hessian(key)
    assert hash(transform) == hash(optim.hutchinson_estimator_diag_hessian(key))
    assert eval(repr(transform), vars(optim) | {"jax": jax, "jnp": jnp}) == transform
    state = transform.init(None).key
    np.testing.assert_array_equal(state if state.dtype == jnp.uint32 else jax.random.key_data(state), [0, 7])


def test_wrong_calls_are_named() -> None:
    transform, params = optim.hutchinson_estimator_diag_hessian(), {"a": jnp.ones(2), "b": jnp.ones(1)}
    state = transform.init(params)
    with pytest.raises(TypeError, match=r"needs obj_fn; call update\(updates, state, params, obj_fn=obj_fn\)"):
        transform.update(params, state, params)
    with pytest.raises(ValueError, match="needs the parameters"):
        transform.update(params, state, obj_fn=quadratic)
    with pytest.raises(TypeError, match="got 'seed'"):
        optim.hutchinson_estimator_diag_hessian("seed")
