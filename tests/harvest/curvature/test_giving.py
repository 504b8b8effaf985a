"""What is given to the transforms of curvature reaches them in `fit` and in a step."""

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import harvest, optim, train
from backprop_jax.data import Examples
from backprop_jax.losses import CrossEntropy, Hinge
from tests.harvest.curvature.tiny import CLASSES, X, mlp

OBJECTIVE = bp.supervised(mlp(), CrossEntropy())


def test_fit_with_kfac_is_its_steps_by_hand() -> None:
    kfac = harvest.scale_by_kfac(harvest.kronecker_layout(OBJECTIVE, (X, CLASSES)), 1e-2)
    optimizer, data = optim.chain(kfac, optim.sgd(0.3)), Examples(X, CLASSES)
    start = lambda: train.start(OBJECTIVE, optimizer, jax.random.key(0), (X, CLASSES))
    batches, give = train.Labelled(data, data, batch_size=3, seed=5), harvest.GiveCurvature(OBJECTIVE)
    done = train.fit(OBJECTIVE, optimizer, start(), batches, epochs=2, extra=give)

    @jax.jit
    def by_hand(training: train.Training) -> train.Training:
        params, state, optimizer_state = training
        for number in (1, 2):
            [(x, y)] = bp.data.batches(data, 3, (5, number))
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(5), number), 1)
            (_, state), gradient = bp.value_and_grad(OBJECTIVE)(params, state, (x, y))
            _, curvature = harvest.kronecker_factors(OBJECTIVE)(params, state, (x, y), key)
            updates, optimizer_state = optimizer.update(gradient, optimizer_state, params, curvature=curvature)
            params = optim.apply_updates(params, updates)
        return train.Training(params, state, optimizer_state)

    expected = by_hand(start())
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), done.training, expected)


def test_a_step_of_the_natural_gradient_lowers_the_loss() -> None:
    optimizer = optim.chain(harvest.scale_by_natural_gradient(0.1, maxiter=10), optim.sgd(0.5))
    step = train.make_step(OBJECTIVE, optimizer, extra=harvest.GiveProduct(OBJECTIVE))
    training, losses = train.start(OBJECTIVE, optimizer, jax.random.key(0), (X, CLASSES)), []
    for _ in range(4):
        training, loss = step(training, (X, CLASSES))
        losses.append(float(loss))
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.5 * losses[0]


def test_what_they_cannot_give_is_refused_when_they_are_made() -> None:
    with pytest.raises(ValueError, match=r"Fisher matrix is known of .*, not of Hinge"):
        harvest.GiveCurvature(bp.supervised(mlp(), Hinge()))
    with pytest.raises(ValueError, match=r"gauss_newton_product needs an objective supervised\(model, loss\)"):
        harvest.GiveProduct(mlp())
    assert harvest.GiveCurvature(OBJECTIVE) == harvest.GiveCurvature(OBJECTIVE)  # equal ones share a compiled step
