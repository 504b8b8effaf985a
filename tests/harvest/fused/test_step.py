"""Fused steps against steps of the whole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses, optim
from backprop_jax.harvest import fused_update
from backprop_jax.harvest.fused.training import programs_of
from tests.harvest.fused.models import BATCHES, OBJECTIVE, assert_steps_equal, model
from tests.test_catalogue import MODELS

ONE_STAGE = bp.supervised(bp.skip(bp.Dense(3)), losses.CrossEntropy())
OBJECTIVES = {
    "a supervised chain": OBJECTIVE,
    "a chain": bp.chain(model=bp.first(model(2)), loss=losses.CrossEntropy()),
    "one stage": ONE_STAGE,
}


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_steps_are_those_of_the_whole(objective: bp.Layer) -> None:
    optimizer = optim.adamw(0.02)
    assert_steps_equal(objective, fused_update(objective, optimizer), optimizer)


def test_a_tied_table_in_half_precision() -> None:
    objective, batch = MODELS["LanguageModelLoss"]
    objective, optimizer = bp.cast(objective, jnp.bfloat16), optim.sgd(0.1)
    step = fused_update(objective, optimizer)
    params, state = objective.init(jax.random.key(0), batch)
    training, value = step(step.start(params, state), batch)
    assert len(training.params) > 5  # stages
    (expected, _), gradient = jax.jit(bp.value_and_grad(objective))(params, state, batch)
    assert abs(value - expected) < 0.02
    after, _ = step.finish(training)
    step_of_table, gradient = (tree["embedding"]["table"] for tree in (after, gradient))
    taken = np.ravel((params["embedding"]["table"] - step_of_table) / 0.1)
    assert np.dot(taken, np.ravel(gradient)) > 0.999 * np.linalg.norm(taken) * np.linalg.norm(gradient)


def test_a_deeper_model_compiles_nothing_more() -> None:
    kinds = []
    for depth in (7, 27):
        step = fused_update(bp.supervised(model(depth), losses.CrossEntropy()), optim.sgd(0.25))
        training = jax.eval_shape(lambda step=step: step.start(*step.objective.init(jax.random.key(0), BATCHES[0])))
        shapes = jax.tree.map(lambda leaf: leaf.shape, training.params)
        kinds.append({(program, str(shapes[at])) for program, at in programs_of(training)})
    assert kinds[0] == kinds[1] and len(kinds[0]) == 4  # the first, those of blocks alone, the last, the loss


def test_the_training_given_is_used_up_and_the_models_parameters_are_not() -> None:
    params, state = ONE_STAGE.init(jax.random.key(0), BATCHES[0])
    step = fused_update(ONE_STAGE, optim.sgd(0.1))
    training = step.start(params, state)
    step(training, BATCHES[0])
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(training.params))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(params))


def test_what_gives_no_scalar_is_refused_and_what_is_stopped_stays() -> None:
    many = bp.supervised(bp.Dense(2), losses.CrossEntropy(reduction="none"))
    step = fused_update(many, optim.sgd(0.1))
    with pytest.raises(ValueError, match=r"needs an objective that gives a scalar; .* gives \(5,\)"):
        step(step.start(*many.init(jax.random.key(0), BATCHES[0])), BATCHES[0])
    stopped = bp.supervised(bp.chain(bp.Dense(3), bp.stop_gradient(bp.Dense(3)), bp.Dense(2)), losses.CrossEntropy())
    params, state = stopped.init(jax.random.key(0), BATCHES[0])
    step = fused_update(stopped, optim.sgd(0.1))
    training, _ = step(step.start(params, state), BATCHES[0])
    after, _ = step.finish(training)
    same = [jax.tree.all(jax.tree.map(np.array_equal, a, b)) for a, b in zip(after, params, strict=True)]
    assert same == [True, True, False]


def test_a_training_or_parameters_of_another_objective_are_refused() -> None:
    step, other = fused_update(ONE_STAGE, optim.sgd(0.1)), fused_update(OBJECTIVE, optim.sgd(0.1))
    params, state = ONE_STAGE.init(jax.random.key(0), BATCHES[0])
    training = step.start(params, state)
    for use in (lambda: other(training, BATCHES[0]), lambda: other.finish(training)):
        with pytest.raises(ValueError, match=r"the training was started for .*Skip.*, not .*Chain"):
            use()
    with pytest.raises(ValueError, match=r"is not the parameters of .*Chain"):
        other.start(params, state)
    with pytest.raises(ValueError, match=r"is not the state of .*Chain"):
        other.start(OBJECTIVE.init(jax.random.key(0), BATCHES[0])[0], state)


@pytest.mark.parametrize("together", [0, 1.5, True])
def test_programs_of_no_layers_are_refused(together) -> None:
    with pytest.raises(ValueError, match="1 layer or more together"):
        fused_update(ONE_STAGE, optim.sgd(0.1), together=together)
