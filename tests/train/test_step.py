from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import backprop_jax as bp
from backprop_jax.train import make_evaluation, make_step, start
from backprop_jax.train.step import _step
from tests.train.tiny import BATCH_SIZE, OBJECTIVE, OPTIMIZER, clouds, fresh

TRAIN = clouds().train
BATCH = jnp.asarray(TRAIN.x[:BATCH_SIZE]), jnp.asarray(TRAIN.y[:BATCH_SIZE])


@pytest.mark.parametrize("optimizer", [bp.optim.adam(0.03), optax.adam(0.03)], ids=["ours", "optax"])
def test_a_step_is_forward_backward_update(optimizer) -> None:
    training = start(OBJECTIVE, optimizer, jax.random.key(0), BATCH)
    params, state, _ = jax.tree.map(jnp.copy, training)

    @jax.jit
    def oracle(params, state):
        loss, gradient = jax.value_and_grad(lambda params: OBJECTIVE.forward(params, state, BATCH)[0])(params)
        updates, _ = optax.adam(0.03).update(gradient, optax.adam(0.03).init(params))
        return loss, optax.apply_updates(params, updates)

    expected_loss, expected = oracle(params, state)
    after, loss = make_step(OBJECTIVE, optimizer)(training, BATCH)
    jax.tree.map(lambda ours, theirs: np.testing.assert_allclose(ours, theirs, atol=1e-5), after.params, expected)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    assert not jax.tree.all(jax.tree.map(lambda old, new: bool((old == new).all()), state, after.state))


@pytest.mark.parametrize("optimizer", [bp.optim.polyak_sgd(), optax.polyak_sgd()], ids=["ours", "optax"])
def test_an_optimizer_that_asks_for_the_loss_gets_it(optimizer) -> None:
    training = start(OBJECTIVE, optimizer, jax.random.key(0), BATCH)
    params, state, _ = jax.tree.map(jnp.copy, training)
    (loss, _), gradient = jax.jit(bp.value_and_grad(OBJECTIVE))(params, state, BATCH)
    updates, _ = optax.polyak_sgd().update(gradient, optax.polyak_sgd().init(params), params, value=loss)
    after, _ = make_step(OBJECTIVE, optimizer)(training, BATCH)
    expected = optax.apply_updates(params, updates)
    jax.tree.map(lambda ours, theirs: np.testing.assert_allclose(ours, theirs, atol=1e-5), after.params, expected)


def test_a_line_search_evaluates_the_loss_of_the_batch() -> None:
    objective = bp.eval_mode(OBJECTIVE)  # a line search needs the same loss at the same place
    training = start(objective, bp.optim.lbfgs(), jax.random.key(0), BATCH)
    step, losses = make_step(objective, bp.optim.lbfgs()), []
    for _ in range(8):
        training, loss = step(training, BATCH)
        losses.append(float(loss))
    assert all(after < before for before, after in pairwise(losses)) and losses[-1] < 0.2 * losses[0]


def test_the_old_training_is_donated() -> None:
    training = fresh()
    make_step(OBJECTIVE, OPTIMIZER)(training, BATCH)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(training.params))


def test_watch_sees_the_gradient() -> None:
    _, (loss, watched) = make_step(OBJECTIVE, OPTIMIZER, watch=bp.train.gradient_norms)(fresh(), BATCH)
    assert loss.shape == ()
    assert set(watched) == {"1", "4"}


def shaken(key: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    return x + jax.random.normal(key, x.shape), y[::-1]


def test_a_step_with_augmentation_is_the_step_on_what_it_makes() -> None:
    key = jax.random.key(4)
    expected, expected_loss = make_step(OBJECTIVE, OPTIMIZER)(fresh(), shaken(key, *BATCH))
    after, loss = make_step(OBJECTIVE, OPTIMIZER, augment=shaken)(fresh(), BATCH, key)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, atol=1e-5), after.params, expected.params
    )
    with pytest.raises(ValueError, match="a step with augmentation needs a key"):
        make_step(OBJECTIVE, OPTIMIZER, augment=shaken)(fresh(), BATCH)


def test_equal_values_share_one_compilation() -> None:
    make_step(OBJECTIVE, OPTIMIZER)(fresh(), BATCH)
    before = _step._cache_size()
    rebuilt = bp.supervised(
        bp.chain(bp.Flatten(), bp.Dense(8), bp.GELU(), bp.Dropout(0.1), bp.Dense(4)), bp.losses.CrossEntropy()
    )
    make_step(rebuilt, bp.optim.adam(0.03))(fresh(), BATCH)
    assert _step._cache_size() == before


def test_evaluation_is_in_eval_mode() -> None:
    training = fresh()
    predict = make_evaluation(OBJECTIVE.layer)
    scores = predict(training.params, training.state, BATCH[0])
    expected, _, _ = jax.jit(bp.eval_mode(OBJECTIVE.layer).forward)(training.params, training.state, BATCH[0])
    np.testing.assert_allclose(scores, expected, atol=1e-6)
