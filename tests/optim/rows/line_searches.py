"""What minimizes a known objective: line searches, L-BFGS, Polyak's step size, Sophia; and Prodigy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from tests.optim.case import REAL, Case

FLOAT32 = ("float32",)
# Half precision is left out: optax would be given a value, and a path to the minimum, of another rounding.
REAL_AND_COMPLEX = ("float32", "complex64")


def distance(params: Any, target: Any) -> jax.Array:
    """Convex, but no quadratic: polynomials through a few of its points do not hit its minimum."""

    def of_leaf(param: jax.Array, aim: jax.Array) -> jax.Array:
        square = jnp.square(jnp.real(param - aim)) + jnp.square(jnp.imag(param - aim))
        return jnp.sum(0.7 * square + 0.2 * square**2)

    return sum(jax.tree.leaves(jax.tree.map(of_leaf, params, target)), jnp.zeros(()))


def near(params: Any, updates: Any) -> dict[str, Any]:
    """A distance whose gradient is the updates, each times a positive number."""
    target = jax.tree.map(lambda param, update: param - update, params, updates)
    value_fn = lambda at: distance(at, target)
    value, grad = jax.value_and_grad(value_fn)(params)
    return {"value": value, "grad": jax.tree.map(jnp.conj, grad), "value_fn": value_fn}


def near_and_bounded(params: Any, updates: Any) -> dict[str, Any]:
    """As `near`, but infinite a short way off."""
    extra = near(params, updates)
    value_fn = extra["value_fn"]
    far = 1.1 * extra["value"]
    return extra | {"value_fn": lambda at: jnp.where(value_fn(at) < far, value_fn(at), jnp.inf)}


def value(params: Any, updates: Any) -> dict[str, Any]:
    return {"value": distance(params, params) + sum(jnp.sum(jnp.abs(leaf)) for leaf in jax.tree.leaves(updates)) - 5.0}


def to_ones(params: Any, updates: Any = None) -> dict[str, Any]:
    value_fn = lambda at: distance(at, jax.tree.map(jnp.ones_like, at))
    return {"value": value_fn(params), "grad": updates, "value_fn": value_fn}


def gradient_to_ones(params: Any, noise: Any) -> Any:
    return jax.tree.map(jnp.conj, jax.grad(to_ones(params)["value_fn"])(params))


def random_gradient(params: Any, noise: Any) -> Any:
    return noise


def search(text: str, extra: Any = near) -> Case:
    return Case(f"chain(scale(-1.0), {text})", REAL_AND_COMPLEX, extra, 1e-5, gradient=random_gradient)


def quasi_newton(text: str) -> Case:
    # In small steps, which do not reach the minimum: there, rounding decides.
    return Case(text, REAL_AND_COMPLEX, to_ones, 1e-3, gradient=gradient_to_ones)


def sophia(text: str) -> Case:
    quartic = lambda params, updates: {"obj_fn": to_ones(params)["value_fn"]}
    return Case(text, FLOAT32, quartic, reads_in_optax=False, gradient=random_gradient)


TRANSFORMS = {
    "scale_by_backtracking_linesearch": [
        search("scale_by_backtracking_linesearch(15)"),
        search("scale_by_backtracking_linesearch(20, 0.3, 0.5, 1e9, 3.0, 1e-3, 1e-2, store_grad=True)"),
        search("scale_by_backtracking_linesearch(2, slope_rtol=0.6, store_grad=True)"),
        search("scale_by_backtracking_linesearch(30, increase_factor=4.0)", near_and_bounded),
    ],
    "scale_by_zoom_linesearch": [
        search("scale_by_zoom_linesearch(20)"),
        search("scale_by_zoom_linesearch(15, curv_rtol=1e-3, initial_guess_strategy='one')"),
        search("scale_by_zoom_linesearch(15, 0.02, 1e-3, 3.0, 1e-3, 0.1, None, 1e-3)"),
        search("scale_by_zoom_linesearch(20)", near_and_bounded),
    ],
    "scale_by_lbfgs": [
        quasi_newton("chain(scale_by_lbfgs(), scale(-0.02))"),
        quasi_newton("chain(scale_by_lbfgs(3, False), scale(-0.02))"),
    ],
    "scale_by_polyak": [
        Case("scale_by_polyak()", REAL_AND_COMPLEX, value),
        Case("scale_by_polyak(0.5, 0.3, 0.1, 'sps+')", REAL_AND_COMPLEX, value),
    ],
    "prodigy": [
        # At the start p - p0 is a few units in the last place of p. In float64: see test_growing_distance.py.
        Case("prodigy()", REAL, tolerance=1e-4),
        Case("prodigy(0.1, (0.8, 0.95), 0.9, 1e-3, 1e-2, 2.0, 0.1)", REAL),
        Case("prodigy(warmup_cosine_decay_schedule(0.0, 1.0, 5, 40), safeguard_warmup=True)", REAL, tolerance=1e-4),
    ],
    "hutchinson_estimator_diag_hessian": [
        sophia("chain(hutchinson_estimator_diag_hessian(), scale(-1e-3))"),
        sophia("chain(hutchinson_estimator_diag_hessian(random_seed=jax.random.key(3)), scale(-1e-3))"),
    ],
}
RECIPES = {
    "lbfgs": [
        quasi_newton("lbfgs(constant_schedule(0.02), 4, linesearch=None)"),
        quasi_newton("lbfgs(0.02, linesearch=scale_by_backtracking_linesearch(10, store_grad=True))"),
    ],
    "polyak_sgd": [
        Case("polyak_sgd()", REAL_AND_COMPLEX, value),
        Case("polyak_sgd(0.3, cosine_decay_schedule(0.1, 15), 0.5, 0.1, 'sps+')", REAL_AND_COMPLEX, value),
    ],
    "sophia": [
        sophia("sophia(0.1)"),
        sophia("sophia(0.1, 0.9, 0.8, 1e-3, 0.1, {'w': False, 'b': True, 'wave': True}, 0.3, 0.5, 3)"),
        sophia("sophia(cosine_decay_schedule(0.1, 15), clip_threshold=None, mu_dtype='bfloat16')"),
    ],
}
ELSEWHERE = {
    "scale_by_sophia": "directions/test_hessian_clipping.py",
    "value_and_grad_from_state": "line_search/test_value_reuse.py",
    "zoom_linesearch": "line_search/test_zoom.py",
}
