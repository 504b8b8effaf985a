"""Predictive coding against the paper's equations in NumPy, and its limit, backpropagation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import backprop_jax as bp
from backprop_jax.harvest.local import PredictiveCoding
from backprop_jax.train import Labelled, fit, start
from tests.train.tiny import BATCH_SIZE, clouds

RANDOM = np.random.default_rng(0)
X, TARGET = (RANDOM.standard_normal(shape).astype(np.float32) for shape in ((5, 4), (5, 2)))
# Of two outputs the mean square is half the squared error of an example, in the mean over the batch.
OBJECTIVE = bp.supervised(
    bp.chain(bp.Dense(4), bp.chain(bp.Tanh(), bp.Dense(3)), bp.chain(bp.Tanh(), bp.Dense(2))),
    bp.losses.MeanSquaredError(),
)


def test_the_equations_of_the_paper() -> None:
    params, state = OBJECTIVE.init(jax.random.key(0), (X, TARGET))
    rule = PredictiveCoding(steps=4, rate=0.3, precision=2.0)
    (loss, _), gradient = jax.jit(rule(OBJECTIVE))(params, state, (X, TARGET))
    own = params[0], params[1][1], params[2][1]
    (w1, b1), (w2, b2), (w3, b3) = ((np.asarray(p["w"]), np.asarray(p["b"])) for p in own)

    def errors():
        return x1 - (X @ w1 + b1), x2 - (np.tanh(x1) @ w2 + b2), 2.0 * (TARGET - np.tanh(x2) @ w3 - b3)

    x1 = X @ w1 + b1
    x2 = np.tanh(x1) @ w2 + b2
    np.testing.assert_allclose(loss, np.mean((TARGET - np.tanh(x2) @ w3 - b3) ** 2), rtol=1e-5)
    for _ in range(4):
        e1, e2, e3 = errors()
        x1 = x1 + 0.3 * (-e1 + (1 - np.tanh(x1) ** 2) * (e2 @ w2.T))
        x2 = x2 + 0.3 * (-e2 + (1 - np.tanh(x2) ** 2) * (e3 @ w3.T))
    e1, e2, e3 = errors()
    found = gradient[0], gradient[1][1], gradient[2][1]
    for own, rate, error in zip(found, (X, np.tanh(x1), np.tanh(x2)), (e1, e2, e3), strict=True):
        np.testing.assert_allclose(own["w"], -rate.T @ error / 5 / 2.0, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(own["b"], -error.sum(0) / 5 / 2.0, rtol=1e-4, atol=1e-6)


def test_with_little_precision_it_is_backpropagation() -> None:
    params, state = OBJECTIVE.init(jax.random.key(1), (X, TARGET))
    _, true = bp.value_and_grad(OBJECTIVE)(params, state, (X, TARGET))
    true, _ = ravel_pytree(true)

    def distance(precision: float) -> float:
        _, gradient = jax.jit(PredictiveCoding(60, 0.3, precision)(OBJECTIVE))(params, state, (X, TARGET))
        return float(jnp.linalg.norm(ravel_pytree(gradient)[0] - true) / jnp.linalg.norm(true))

    near, far = distance(0.002), distance(0.2)
    assert near < 0.01 and far > 10 * near


def test_it_trains_by_fit() -> None:
    data, optimizer = clouds(), bp.optim.adam(0.02)
    model = bp.chain(bp.chain(bp.Flatten(), bp.Dense(8), bp.Tanh()), bp.Dense(4))
    objective = bp.supervised(model, bp.losses.CrossEntropy())
    begun = start(objective, optimizer, jax.random.key(0), (data.train.x[:2], data.train.y[:2]))
    done = fit(
        objective,
        optimizer,
        begun,
        Labelled(data.train, data.validation, BATCH_SIZE),
        epochs=4,
        differentiate=PredictiveCoding(),
    )
    assert done.history[-1].validation_accuracy > 0.9


def test_refusals() -> None:
    for objective in (bp.chain(bp.Dense(2), bp.Dense(2)), bp.supervised(bp.Dense(2), bp.losses.MeanSquaredError())):
        with pytest.raises(ValueError, match="two layers or more, not"):
            PredictiveCoding()(objective)
    for reduction in ("sum", "none"):
        objective = bp.supervised(OBJECTIVE.layer, bp.losses.MeanSquaredError(reduction=reduction))
        with pytest.raises(ValueError, match=rf"mean over the batch, not MeanSquaredError\(.*{reduction}"):
            PredictiveCoding()(objective)
    inf = float("inf")
    for steps, rate, precision in (
        (0, 0.1, 1.0),
        (True, 0.1, 1.0),
        (1, 0.0, 1.0),
        (1, inf, 1.0),
        (1, 0.1, -1.0),
        (1, 0.1, inf),
    ):
        with pytest.raises(ValueError, match="a rate and a precision above 0"):
            PredictiveCoding(steps, rate, precision)
    PredictiveCoding(np.int64(2))  # pyright: ignore[reportArgumentType]
