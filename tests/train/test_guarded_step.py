"""What is left of a training whose step goes wrong is what it was before that step."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import optim
from backprop_jax.harvest import read_replay
from backprop_jax.train import Training, make_step, start
from backprop_jax.train.guarded_step import GuardedSteps


def _root(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.abs(x))


MODEL = bp.chain(a=bp.Dense(3, use_bias=False), root=bp.from_function(_root), drop=bp.Dropout(0.5), b=bp.Dense(1))
OBJECTIVE = bp.supervised(MODEL, bp.losses.MeanSquaredError())
STEPS, SICK = 6, 2


def batches() -> list[tuple]:
    """The loss of an x of zeros is finite; the root's derivative is not."""
    random = np.random.default_rng(0)
    made = [tuple(random.standard_normal((4, size)).astype(np.float32) for size in (2, 1)) for _ in range(STEPS)]
    made[SICK][0][1] = 0
    return made


PARAMS, _ = OBJECTIVE.init(jax.random.key(0), batches()[0])


def by_hand(optimizer: Any, count: int) -> Training:
    training, step = start(OBJECTIVE, optimizer, jax.random.key(1), batches()[0]), make_step(OBJECTIVE, optimizer)
    for batch in batches()[:count]:
        training, _ = step(training, batch)
    return training


def assert_equal(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, *(jax.tree.map(_numbers, tree) for tree in (a, b)))


def _numbers(leaf: jax.Array) -> jax.Array:
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def test_the_step_before_the_sick_one_is_kept_and_written(tmp_path) -> None:
    optimizer, file = optim.adam(0.1), tmp_path / "step"
    take = GuardedSteps(OBJECTIVE, optimizer, PARAMS, replay=file)
    training = start(OBJECTIVE, optimizer, jax.random.key(1), batches()[0])
    for batch in batches():
        training, _ = take(training, [(batch,)])
    assert take.since_look == STEPS
    told = f"gradient became NaN or infinite at step {10 + SICK + 1}: .*root, back"
    with pytest.raises(FloatingPointError, match=told):
        take.look(training, 10 + STEPS)
    before, step = by_hand(optimizer, SICK), read_replay(file, OBJECTIVE)
    assert_equal((step.params, step.state), (before.params, before.state))
    assert_equal((training.params, training.state), (before.params, before.state))
    assert_equal(step.batch, batches()[SICK])


def test_an_optimizer_that_leaves_such_gradients_out_goes_on() -> None:
    optimizer = optim.apply_if_finite(optim.adam(0.1), 3)
    take = GuardedSteps(OBJECTIVE, optimizer, PARAMS)
    training = start(OBJECTIVE, optimizer, jax.random.key(1), batches()[0])
    for batch in batches():
        training, _ = take(training, [(batch,)])
    training, outcomes = take.look(training, STEPS)
    assert_equal(training, by_hand(optimizer, STEPS))
    assert len(outcomes) == STEPS and take.since_look == 0
    assert np.isfinite([loss for loss, _ in outcomes]).all()
    finite = [bool(np.isfinite(norms["a"])) for _, norms in outcomes]
    assert finite == [number != SICK for number in range(STEPS)]


def test_an_optimizer_that_keeps_such_a_gradient_for_later_is_not_forgiven() -> None:
    optimizer = optim.chain(optim.apply_every(4), optim.sgd(0.1))
    take = GuardedSteps(OBJECTIVE, optimizer, PARAMS)
    training = start(OBJECTIVE, optimizer, jax.random.key(1), batches()[0])
    for batch in batches():
        training, _ = take(training, [(batch,)])
    with pytest.raises(FloatingPointError, match=f"gradient became NaN or infinite at step {SICK + 1}: .*root, back"):
        take.look(training, STEPS)


def test_many_sick_steps_are_taken_again_once_and_a_measured_norm_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    skip = partial(optim.skip_large_updates, max_squared_norm=1e9)
    optimizer = optim.MultiSteps(optim.sgd(0.1), 1, should_skip_update_fn=skip)
    take, runs = GuardedSteps(OBJECTIVE, optimizer, PARAMS), []
    step = take._step
    monkeypatch.setattr(take, "_step", lambda *given, **flag: runs.append(flag) or step(*given, **flag))
    training = start(OBJECTIVE, optimizer, jax.random.key(1), batches()[0])
    before = jax.tree.map(np.array, training.params)
    for _ in range(STEPS):
        training, _ = take(training, [(batches()[SICK],)])
    training, outcomes = take.look(training, STEPS)
    assert_equal(training.params, before)
    assert len(outcomes) == STEPS and len(runs) == 3 * STEPS - 1
    assert np.isnan(training.optimizer_state.skip_state["norm_squared"])
