from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import optim
from backprop_jax.optim import MuonDimensionNumbers
from backprop_jax.optim.directions import orthogonal_momentum
from tests.optim.oracle import assert_close, random_like, rejects_update


def draw(*shape: int, seed: int = 0) -> jax.Array:
    return random_like(jax.ShapeDtypeStruct(shape, jnp.float32), seed)


def run(transform: Any, gradient: Any) -> Any:
    return transform.update(gradient, transform.init(gradient))[0]


def test_the_first_step_is_the_gradients_polar_factor() -> None:
    gradient = draw(5, 3)
    u, _, vh = np.linalg.svd(np.asarray(gradient), full_matrices=False)
    muon = optim.scale_by_muon((2.0, -1.5, 0.5), ns_steps=20)
    np.testing.assert_allclose(run(muon, gradient), u @ vh, atol=1e-5)
    # adaptive: times the sum of the singular values of the average gradient, here corrected to the gradient
    adaptive = optim.scale_by_muon((2.0, -1.5, 0.5), ns_steps=20, adaptive=True, nesterov=False)
    nuclear = np.linalg.norm(np.asarray(gradient), "nuc")
    np.testing.assert_allclose(run(adaptive, gradient), nuclear * u @ vh, rtol=1e-4, atol=1e-4)


def test_a_stack_is_treated_matrix_by_matrix() -> None:
    gradient = draw(2, 3, 4, 5)
    numbers = MuonDimensionNumbers((3, 0), 2)  # matrices of 10 rows and 4 columns, one for each place on axis 1
    together = run(optim.scale_by_muon(weight_dimension_numbers=numbers), gradient)
    for place in range(3):
        matrix = jnp.einsum("iab->bia", gradient[:, place]).reshape(10, 4)
        alone = run(optim.scale_by_muon(), matrix).reshape(5, 2, 4)
        assert_close(together[:, place], jnp.einsum("bia->iab", alone), 1e-5)


def test_leaves_of_one_shape_are_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []
    orthogonalize = orthogonal_momentum.orthogonalize
    monkeypatch.setattr(
        orthogonal_momentum, "orthogonalize", lambda x, *rest: (traced.append(x.shape), orthogonalize(x, *rest))[1]
    )
    params = [jnp.ones((7, 9)), jnp.ones((7, 9)), jnp.ones((9, 7)), jnp.ones((7, 9))]
    jax.jit(lambda params: run(optim.scale_by_muon(ns_steps=3), params)).lower(params)
    assert traced == [(7, 9), (9, 7)]


def test_shapes_without_a_matrix_are_named() -> None:
    muon = optim.scale_by_muon()
    gradient = {"w": jnp.ones((2, 3)), "b": [jnp.ones(3)]}
    assert "at ['b'][0] updates has shape (3,), which is no matrix; give it weight_" in rejects_update(
        muon, gradient, muon.init(gradient)
    )


def test_without_a_gradient_the_momentum_stays() -> None:
    muon = optim.muon(0.1)
    params = {"w": jnp.ones((2, 3)), "frozen": jnp.ones((2, 3)), "b": jnp.ones(3)}
    state = muon.init(params)
    updates, new_state = muon.update({"w": jnp.ones((2, 3)), "frozen": None, "b": None}, state, params)
    assert updates["frozen"] is None and updates["b"] is None
    assert jax.tree.structure(new_state) == jax.tree.structure(state)
    momentum = new_state.inner_states["muon"].inner_state[0].mu
    assert (momentum["frozen"] == 0).all() and (momentum["w"] > 0).all()


def test_state_of_optax_continues() -> None:
    params = {"w": draw(3, 4), "b": draw(4, seed=1)}
    ours: Any = optim.muon(0.1)
    theirs = optax.contrib.muon(0.1)
    state = theirs.init(params)
    mine, continued = ours.update(params, theirs.update(params, state, params)[1], params)
    assert jax.tree.structure(continued) == jax.tree.structure(state)
    assert_close(mine, theirs.update(params, theirs.update(params, state, params)[1], params)[0], 1e-5)


def test_dimension_numbers_of_optax_serve_too() -> None:
    gradient = draw(2, 3, 4)
    mine, other = (
        run(optim.scale_by_muon(weight_dimension_numbers=numbers(1, 2)), gradient)
        for numbers in (MuonDimensionNumbers, optax.contrib.MuonDimensionNumbers)
    )
    assert (mine == other).all()


def test_recipe_refuses_unknown_coefficients() -> None:
    with pytest.raises(
        ValueError, match=r"muon: ns_coeffs must be numbers or one of \['standard', 'dion'\], got 'best'"
    ):
        optim.muon(0.1, "best")


@pytest.mark.parametrize(
    "wrong",
    [
        {"ns_coeffs": (1.0, 2.0)},
        {"ns_coeffs": ((3.0, -4.0, 2.0),) * 6},
        {"ns_steps": 0},
        {"ns_steps": 2.5},
        {"beta": 1.0},
        {"eps": -1.0},
        {"preconditioning": "none"},
    ],
)
def test_wrong_hyperparameters_are_named(wrong: dict[str, Any]) -> None:
    [name] = wrong
    with pytest.raises(ValueError, match=f"scale_by_muon: {name} must "):
        optim.scale_by_muon(**wrong)


def test_hyperparameters_may_be_traced() -> None:
    gradient = draw(3, 4)

    def first_update(beta: jax.Array, eps: jax.Array, a: jax.Array) -> jax.Array:
        return run(optim.scale_by_muon((a, -1.5, 0.5), 2, beta, eps, nesterov=False), gradient)

    together = jax.vmap(first_update)(jnp.array([0.5, 0.9]), jnp.array([1e-8, 1.0]), jnp.array([2.0, 2.5]))
    assert_close(together[1], run(optim.scale_by_muon((2.5, -1.5, 0.5), 2, 0.9, 1.0, nesterov=False), gradient), 1e-5)
