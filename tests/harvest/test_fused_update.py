"""Fused steps against steps of the whole model, with our optimizers and optax's."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import backprop_jax as bp
from backprop_jax import losses, optim
from backprop_jax.harvest import PreviousNorm, TwoPasses, fused_update

module = importlib.import_module("backprop_jax.harvest.fused_update")
BLOCK = bp.skip(bp.chain(bp.LayerNorm(), bp.Dense(6), bp.Tanh(), bp.Dropout(0.3), bp.Dense(4)))
RANDOM = np.random.default_rng(0)
BATCHES = [(RANDOM.standard_normal((5, 3)).astype(np.float32), RANDOM.integers(0, 2, 5)) for _ in range(3)]


def _model(depth: int) -> bp.Layer:
    return bp.chain(first=bp.Dense(4), blocks=bp.scan(BLOCK, depth), last=bp.chain(bp.ReLU(), bp.Dense(2)))


OBJECTIVES = {
    "a supervised chain": bp.supervised(_model(3), losses.CrossEntropy()),
    "a chain": bp.chain(model=bp.first(_model(2)), loss=losses.CrossEntropy()),
    "one stage": bp.supervised(bp.skip(bp.Dense(3)), losses.CrossEntropy()),
}


def _whole_steps(objective: bp.Layer, optimizer, params, state) -> tuple:
    optimizer_state, values = optimizer.init(params), []
    for batch in BATCHES:
        (value, state), gradient = jax.jit(bp.value_and_grad(objective))(params, state, batch)
        updates, optimizer_state = optimizer.update(gradient, optimizer_state, params)
        params = optim.apply_updates(params, updates)
        values.append(value)
    return values, params, state


def _assert_steps_equal(objective: bp.Layer, fused_step, optimizer) -> None:
    params, state = objective.init(jax.random.key(0), BATCHES[0])
    training, values = fused_step.start(params, state), []
    for batch in BATCHES:
        training, value = fused_step(training, batch)
        values.append(value)
    expected, *rest = _whole_steps(objective, optimizer, params, state)
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    ours, theirs = fused_step.finish(training), tuple(rest)
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_steps_are_those_of_the_whole(objective: bp.Layer) -> None:
    optimizer = optim.adamw(0.02)
    _assert_steps_equal(objective, fused_update(objective, optimizer), optimizer)


def test_takes_optax_and_clips_exactly_in_two_passes() -> None:
    objective, inner = OBJECTIVES["a supervised chain"], optax.sgd(0.5, momentum=0.9)
    clipped = optax.chain(optax.clip_by_global_norm(0.3), inner)
    _assert_steps_equal(objective, fused_update(objective, inner, TwoPasses(0.3)), clipped)


def test_the_previous_norm_clips_the_next_step() -> None:
    objective = OBJECTIVES["a supervised chain"]
    params, state = objective.init(jax.random.key(0), BATCHES[0])
    step = fused_update(objective, optim.sgd(1.0), PreviousNorm(0.01))
    training = step.start(params, state)
    norm = jnp.inf
    for number, batch in enumerate(BATCHES):
        before, own_state = step.finish(training)
        _, gradient = bp.value_and_grad(objective)(before, own_state, batch)
        factor = min(1.0, 0.01 / norm) if number else 1.0
        training, _ = step(training, batch)
        after, _ = step.finish(training)
        jax.tree.map(
            lambda a, b, g, factor=factor: np.testing.assert_allclose(a, b - factor * g, rtol=1e-4, atol=1e-6),
            after, before, gradient,
        )  # fmt: skip
        norm = optim.global_norm(gradient)
        assert norm > 0.01


def test_a_deeper_model_compiles_nothing_more() -> None:
    programs = []
    for depth in (2, 5):
        objective = bp.supervised(_model(depth), losses.CrossEntropy())
        step = fused_update(objective, optim.sgd(0.25))
        training = step.start(*objective.init(jax.random.key(0), BATCHES[0]))
        step(training, BATCHES[0])
        programs.append([f._cache_size() for f in (module._forward, module._backward_and_update, module._loss)])
    assert programs[0] == programs[1]


def test_the_peak_is_that_of_parameters_residuals_and_one_stage() -> None:
    blocks = bp.chain(*[bp.chain(bp.Dense(64), bp.Tanh())] * 6)
    objective = bp.supervised(blocks, losses.MeanSquaredError())
    x = np.ones((2, 64), np.float32)
    step = fused_update(objective, optim.sgd(0.1))
    training = step.start(*objective.init(jax.random.key(0), (x, x)))
    weights = 6 * (64 * 64 + 64) * 4
    # One gradient of six and its product, where the step of the whole has all of them at some time.
    assert weights < step.peak_bytes(training, (x, x)) < weights * 9 / 6
    step(training, (x, x))


def test_the_training_given_is_used_up_and_the_models_parameters_are_not() -> None:
    objective = OBJECTIVES["one stage"]
    params, state = objective.init(jax.random.key(0), BATCHES[0])
    step = fused_update(objective, optim.sgd(0.1))
    training = step.start(params, state)
    step(training, BATCHES[0])
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(training.params))
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("clip", [optim.clip_by_global_norm(1.0), optax.clip_by_global_norm(1.0)])
def test_an_optimizer_that_couples_parameters_is_refused(clip) -> None:
    with pytest.raises(ValueError, match=r"each parameter by itself.*TwoPasses"):
        fused_update(OBJECTIVES["one stage"], optim.chain(clip, optim.sgd(0.1)))


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


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="max_norm above 0, not 0"):
        fused_update(OBJECTIVES["one stage"], optim.sgd(0.1), PreviousNorm(0))
