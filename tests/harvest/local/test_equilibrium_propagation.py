"""Equilibrium propagation against the paper's equations in NumPy, and against the gradient of where it settles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import backprop_jax as bp
from backprop_jax.harvest.local import EquilibriumPropagation

RANDOM = np.random.default_rng(0)
X, DY = (jnp.asarray(RANDOM.standard_normal(shape), jnp.float32) for shape in ((5, 4), (5, 2)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_the_equations_of_the_paper() -> None:
    layer = EquilibriumPropagation((3, 2), steps=3, rate=0.4, nudge=0.2)
    params, state = layer.init(jax.random.key(0), X)
    params[0]["b"], params[1]["b"] = jnp.asarray([0.1, -0.2, 0.3]), jnp.asarray([0.2, -0.1])
    y, _, residuals = layer.forward(params, state, X)
    dparams, dx = layer.backward(params, residuals, DY)
    (w1, b1), (w2, b2) = ((np.asarray(p["w"]), np.asarray(p["b"])) for p in params)

    def settle(s1, s2, beta):
        for _ in range(3):
            aim1 = sigmoid(X @ w1 + s2 @ w2.T + b1)
            aim2 = sigmoid(s1 @ w2 + b2 - beta * 5 * DY)
            s1, s2 = s1 + 0.4 * (aim1 - s1), s2 + 0.4 * (aim2 - s2)
        return s1, s2

    free = settle(np.zeros((5, 3)), np.zeros((5, 2)), 0.0)
    np.testing.assert_allclose(y, free[1], rtol=1e-5, atol=1e-6)
    f1, f2 = free
    n1, n2 = settle(*free, 0.2)
    wanted = (
        {"w": -(X.T @ n1 - X.T @ f1), "b": -(n1 - f1).sum(0)},
        {"w": -(n1.T @ n2 - f1.T @ f2), "b": -(n2 - f2).sum(0)},
    )
    scale = 1 / (0.2 * 5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, scale * b, rtol=1e-3, atol=1e-5), dparams, wanted)
    np.testing.assert_allclose(dx, -scale * (n1 - f1) @ w1.T, rtol=1e-3, atol=1e-5)


def test_with_a_small_nudge_it_is_the_gradient() -> None:
    params, state = EquilibriumPropagation((3, 2)).init(jax.random.key(1), X)

    @jax.jit
    def distances() -> jax.Array:
        found = []
        for nudge in (0.02, 2.0):
            layer = EquilibriumPropagation((3, 2), steps=60, nudge=nudge)
            _, _, residuals = layer.forward(params, state, X)
            rule, _ = ravel_pytree(layer.backward(params, residuals, DY / 5))
            _, pull = jax.vjp(lambda own, x, layer=layer: layer.forward(own, state, x)[0], params, X)
            true, _ = ravel_pytree(pull(DY / 5))
            found.append(jnp.linalg.norm(rule - true) / jnp.linalg.norm(true))
        return jnp.stack(found)

    near, far = distances()
    assert near < 0.02 and far > 5 * near


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"features such as \(64, 32\), not \(\)"):
        EquilibriumPropagation(())
    with pytest.raises(ValueError, match=r"features such as \(64, 32\), not \(3, True\)"):
        EquilibriumPropagation((3, True))
    inf = float("inf")
    for steps, rate, nudge in ((0, 0.5, 0.5), (True, 0.5, 0.5), (9, inf, 0.5), (9, 0.5, 0.0), (9, 0.5, inf)):
        with pytest.raises(ValueError, match="a rate and a nudge above 0"):
            EquilibriumPropagation((2,), steps, rate, nudge)
    EquilibriumPropagation((np.int64(2),), steps=np.int64(3))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"needs an input \(B, D\), not of shape \[5, 2, 2\]: put Flatten\(\)"):
        EquilibriumPropagation([2]).init(jax.random.key(0), jnp.zeros((5, 2, 2)))
    assert hash(EquilibriumPropagation([2])) == hash(EquilibriumPropagation((2,)))
    params, _ = bp.chain(bp.Flatten(), EquilibriumPropagation((2,))).init(jax.random.key(0), jnp.zeros((5, 2, 2)))
    assert params[1][0]["w"].shape == (4, 2)
