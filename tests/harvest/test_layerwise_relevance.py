"""Layer-wise relevance against the ε rule in NumPy, and its conservation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest import relevance

RANDOM = np.random.default_rng(0)
X = jnp.asarray(RANDOM.standard_normal((3, 6)), jnp.float32)
IMAGES = jnp.asarray(RANDOM.standard_normal((2, 6, 6, 2)), jnp.float32)
TARGET = jnp.array([1, 0, 3])
MLP = bp.chain(bp.Dense(8), bp.ReLU(), bp.Dropout(0.5), bp.Dense(7), bp.ReLU(), bp.Dense(4))


def test_relevance_is_shared_by_contributions() -> None:
    params, state = MLP.init(jax.random.key(0), X)
    (w1, b1), (w2, b2), (w3, b3) = ((np.asarray(params[i]["w"]), np.asarray(params[i]["b"])) for i in (0, 3, 5))
    h1 = np.maximum(X @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    y = h2 @ w3 + b3
    share = np.eye(4)[np.asarray(TARGET)] * y
    for x, w, b in ((h2, w3, b3), (h1, w2, b2), (np.asarray(X), w1, b1)):
        z = x @ w + b
        share = x * ((share / (z + 1e-6 * np.where(z >= 0, 1, -1))) @ w.T)
    found = jax.jit(lambda x: relevance(MLP, params, state, x, TARGET))(X)
    np.testing.assert_allclose(found, share, rtol=1e-3, atol=1e-4)


def test_relevance_is_conserved_without_biases() -> None:
    model = bp.chain(
        bp.Conv(4, (3, 3), use_bias=False), bp.ReLU(), bp.MaxPool((2, 2)), bp.Flatten(), bp.Dense(4, use_bias=False)
    )
    params, state = model.init(jax.random.key(0), IMAGES)
    target = jnp.array([2, 1])
    found = jax.jit(lambda x: relevance(model, params, state, x, target, eps=1e-9))(IMAGES)
    y, _, _ = model.forward(params, state, IMAGES)
    np.testing.assert_allclose(jnp.sum(found, (1, 2, 3)), y[jnp.arange(2), target], rtol=1e-3)


def test_what_has_no_rule_is_refused() -> None:
    for model, message in (
        (bp.chain(bp.skip(bp.Dense(6))), "Skip at '0'"),
        (bp.chain(bp.LayerNorm()), r"LayerNorm\(\) at '0'"),
    ):
        params, state = model.init(jax.random.key(0), X)
        with pytest.raises(ValueError, match=message):
            relevance(model, params, state, X, TARGET)
    params, state = MLP.init(jax.random.key(0), X)
    for eps in (0.0, -1e-6, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"a finite eps above 0, .* not {eps}"):
            relevance(MLP, params, state, X, TARGET, eps)
    with pytest.raises(ValueError, match=r"one class number for each of B examples, not \[3, 4\] and int32\[2\]"):
        relevance(MLP, params, state, X, TARGET[:2])


def test_a_class_that_there_is_not_gives_nan() -> None:
    params, state = MLP.init(jax.random.key(0), X)
    found = relevance(MLP, params, state, X, jnp.array([-1, 4, 3]))
    assert np.isnan(found[:2]).all() and np.isfinite(found[2]).all()
