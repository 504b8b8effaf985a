"""Many trainings at once are each what it would be alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses, optim, train, tuning
from tests.tuning.parabola import OBJECTIVE, ONES, batches, first_weight, loss_after

RATES = 0.1, 0.5, 0.3, 1e3, 0.0


def _score(params, state):
    return params["w"][0, 0] ** 2


@pytest.fixture(scope="module")
def swept() -> tuning.Sweep:
    return tuning.sweep(
        OBJECTIVE,
        optim.sgd(1.0),
        tuning.grid(learning_rate=RATES),
        batches(),
        _score,
        steps=20,
        seeds=(0, 3),
        rounds=2,
    )


def test_every_run_takes_its_own_steps(swept: tuning.Sweep) -> None:
    assert swept.scores.shape == (5, 2, 2) and swept.losses.shape == (5, 2, 20)
    for trial, rate in enumerate(RATES):
        if rate > 1:
            continue
        for place, seed in enumerate((0, 3)):
            expected = [loss_after(rate, step, seed) for step in range(21)]
            np.testing.assert_allclose(swept.losses[trial, place], expected[:20], rtol=1e-4, atol=1e-12)
            np.testing.assert_allclose(swept.scores[trial, place], [expected[10], expected[20]], rtol=1e-4, atol=1e-12)


def test_what_diverges_is_last_and_harms_nobody(swept: tuning.Sweep) -> None:
    assert not np.isfinite(swept.scores[3]).any()
    assert swept.ranking.tolist() == [1, 2, 0, 4, 3]
    assert swept.best == {"learning_rate": 0.5}
    assert float(swept.training(4, 1).params["w"][0, 0]) == first_weight(3)


def test_a_run_is_that_of_the_bare_step() -> None:
    # Momentum, decay, dropout and a batch norm's state, all with hyper-parameters that are arrays.
    model = bp.chain(bp.Dense(5, use_bias=False), bp.BatchNorm(), bp.ReLU(), bp.Dropout(0.5), bp.Dense(3))
    objective = bp.supervised(model, losses.CrossEntropy())
    random = np.random.default_rng(0)
    data = [(random.normal(size=(6, 4)).astype(np.float32), random.integers(0, 3, 6)) for _ in range(3)]
    trials = tuning.grid(learning_rate=(1e-2, 1e-1), b1=(0.0, 0.8))
    found = tuning.sweep(
        objective, optim.adamw(1.0), trials, data, tuning.error_rate(objective, data[0]), steps=3, seeds=(7,)
    )
    optimizer = optim.adamw(1e-1, b1=0.8)
    training = train.start(objective, optimizer, jax.random.key(7), data[0])
    for batch in data:
        training, loss = train.make_step(objective, optimizer)(training, batch)
    np.testing.assert_allclose(found.losses[3, 0, -1], loss, rtol=1e-5)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), found.training(3).params, training.params
    )
    np.testing.assert_allclose(found.training(3).state[1]["mean"], training.state[1]["mean"], rtol=1e-5)
    y, _, _ = bp.eval_mode(model).forward(training.params, training.state, data[0][0])
    assert found.scores[3, 0, 0] == pytest.approx(np.mean(np.argmax(y, -1) != data[0][1]))


def test_where_all_diverge_none_is_the_best() -> None:
    found = tuning.sweep(OBJECTIVE, optim.sgd(1.0), [{}], batches(), lambda *_: jnp.nan, steps=1)
    with pytest.raises(ValueError, match="none of the 1 trials"):
        _ = found.best


def test_progress_is_told() -> None:
    told = []
    tuning.sweep(
        OBJECTIVE, optim.sgd(1.0), [{}], batches(), _score, steps=40, on_progress=lambda *news: told.append(news[:2])
    )
    assert told == [(1, 16), (1, 32), (1, 40)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trials": []}, "trials is empty"),
        ({"trials": [{"learning_rate": 1.0}, {"decay": 1.0}]}, "each of"),
        ({"trials": [{"rate": 1.0}]}, "no hyper-parameter rate; it has .*learning_rate"),
        ({"seeds": ()}, "needs a seed"),
        ({"steps": 5, "rounds": 2}, "divide, not 5 and 2"),
        ({"steps": 0}, "not 0"),
        ({"batches": []}, "no batch"),
        ({"batches": [ONES] * 3}, "ended after 3 of 4"),
        ({"batches": [ONES] * 16 + [(np.ones((2, 1)), np.ones((2, 1)))], "steps": 17}, "one shape"),
        ({"batches": [ONES, jax.tree.map(lambda leaf: np.concatenate([leaf, leaf]), ONES)] * 2}, "one shape"),
    ],
)
def test_bad_input_is_refused(change: dict, words: str) -> None:
    given = {"trials": [{"learning_rate": 0.1}], "batches": batches(), "steps": 4} | change
    with pytest.raises(ValueError, match=words):
        tuning.sweep(OBJECTIVE, optim.sgd(1.0), given.pop("trials"), given.pop("batches"), _score, **given)


def test_the_held_out_loss_is_that_in_eval_mode() -> None:
    objective = bp.supervised(bp.chain(bp.Dropout(0.5), bp.Dense(2)), losses.CrossEntropy())
    batch = jnp.ones((4, 3)), jnp.array([0, 1, 1, 0])
    params, state = objective.init(jax.random.key(0), batch)
    logits = np.ones((4, 3)) @ np.asarray(params[1]["w"], np.float64)
    expected = np.mean([np.log(np.exp(row).sum()) - row[label] for row, label in zip(logits, batch[1], strict=True)])
    assert float(tuning.held_out_loss(objective, batch)(params, state)) == pytest.approx(expected, rel=1e-6)
