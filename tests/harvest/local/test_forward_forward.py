"""Forward-forward against the paper's equations, differentiated layer by layer with jax.grad."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.local import ForwardForwardLoss, forward_forward

RANDOM = np.random.default_rng(0)
X = jnp.asarray(RANDOM.standard_normal((5, 2, 2)), jnp.float32)
LABELS = jnp.asarray([0, 2, 1, 1, 0])
BLOCKS = bp.chain(bp.chain(bp.Dense(6), bp.ReLU()), bp.chain(bp.Dense(4), bp.ReLU()), bp.chain(bp.Dense(3), bp.ReLU()))
MODEL = forward_forward(BLOCKS, classes=3, threshold=0.7)


def goodness(params, x, label) -> list[jax.Array]:
    """Of one example with one label, less the threshold: of each layer, which is given the one before as a constant."""
    h, odds = jnp.concatenate([x.ravel(), jnp.eye(3)[label]]), []
    for (own, _), width in zip(params, (6, 4, 3), strict=True):
        h = jax.lax.stop_gradient(h / jnp.sqrt(jnp.mean(h**2) + 1e-8))
        h = jnp.maximum(h @ own["w"] + own["b"], 0)
        odds.append(jnp.sum(h**2) - 0.7 * width)
    return odds


def expected_loss(params) -> jax.Array:
    total = jnp.zeros(())
    for x, right in zip(X, [0, 2, 1, 1, 0], strict=True):
        for label in range(3):
            for odds in goodness(params, x, label):
                p = 1 / (1 + jnp.exp(-odds))
                total = total - (jnp.log(p) if label == right else jnp.log(1 - p) / 2)
    return total / 5


def test_each_layer_learns_alone() -> None:
    objective = bp.supervised(MODEL, ForwardForwardLoss())
    params, state = objective.init(jax.random.key(0), (X, LABELS))
    (loss, _), gradient = jax.jit(bp.value_and_grad(objective))(params, state, (X, LABELS))
    wanted_loss, wanted = jax.jit(jax.value_and_grad(expected_loss))(params)
    np.testing.assert_allclose(loss, wanted_loss, rtol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), gradient, wanted)


def test_in_evaluation_all_but_the_first_layer_vote() -> None:
    params, state = MODEL.init(jax.random.key(0), X)
    evaluated = bp.eval_mode(MODEL)
    votes, _, residuals = evaluated.forward(params, state, X)
    wanted = [[np.mean(goodness(params, x, label)[1:]) for label in range(3)] for x in X]
    np.testing.assert_allclose(votes, wanted, rtol=1e-4)
    dparams, dx = evaluated.backward(params, residuals, jnp.ones_like(votes))
    assert dx is None and not np.any(dparams[0][0]["w"]) and np.any(dparams[1][0]["w"])


def test_log_odds_of_half_precision_are_float32() -> None:
    """Squares of 1 add up to 1024, and 1023 is no number of bfloat16."""
    ones = bp.from_function(lambda x: jnp.ones((len(x), 1023), x.dtype))
    y, _, residuals = (layer := forward_forward(bp.chain(ones), 2)).forward(((),), ((),), X.astype(jnp.bfloat16))
    assert y.dtype == jnp.float32 and residuals.outputs[0].dtype == jnp.bfloat16
    np.testing.assert_allclose(y, 0, err_msg=str(layer))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="a chain of one layer or more"):
        forward_forward(bp.Dense(3), 2)  # pyright: ignore[reportArgumentType]
    for classes, threshold in ((1, 1.0), (True, 1.0), (3, 0.0), (3, float("inf"))):
        with pytest.raises(ValueError, match="classes, 2 or more, and a finite threshold above 0"):
            forward_forward(BLOCKS, classes, threshold)
    assert forward_forward(BLOCKS, np.int64(3)) == forward_forward(BLOCKS, 3)  # pyright: ignore[reportArgumentType]
