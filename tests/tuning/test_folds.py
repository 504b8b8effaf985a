"""Runs of a cross-validation are what they would be one after another, each scored where it was not trained."""

from typing import Any

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import optim, train, tuning
from backprop_jax.data import batches
from backprop_jax.tuning.apart import _advance
from backprop_jax.tuning.folds import folds_of
from tests.train.tiny import OBJECTIVE, clouds

DATA = clouds().train
EXAMPLES = DATA[np.arange(46)]
ADAM = optim.adam(0.03)
GIVEN: dict[str, Any] = {"steps": 16, "batch_size": 8}


def test_every_label_has_its_share_in_every_fold() -> None:
    labels = np.repeat([0, 1, 2], [11, 6, 30])
    parts = folds_of(labels, 5, seed=1)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(47))
    assert sorted(map(len, parts)) == [9, 9, 9, 10, 10]
    for label, number in ((0, 11), (1, 6), (2, 30)):
        counts = [(labels[rows] == label).sum() for rows in parts]
        assert max(counts) - min(counts) <= 1 and sum(counts) == number
    assert not np.array_equal(parts[0], folds_of(labels, 5, seed=2)[0])


def test_several_targets_of_an_example_are_dealt_out_by_chance() -> None:
    parts = folds_of(np.zeros((11, 3)), 3, seed=1)
    assert sorted(map(len, parts)) == [3, 4, 4]
    assert sorted(np.concatenate(parts)) == list(range(11))


def test_all_folds_at_once_are_one_after_another() -> None:
    told = []
    tell = lambda *news: told.append(news[:2])
    before = _advance._cache_size()
    found = tuning.cross_validate(OBJECTIVE, ADAM, EXAMPLES, folds=3, seed=5, on_progress=tell, **GIVEN)
    assert _advance._cache_size() - before <= 1  # one program for all folds and steps
    assert told == [(16, 16)]
    step, evaluated = train.make_step(OBJECTIVE, ADAM), jax.jit(bp.eval_mode(OBJECTIVE).forward)
    assert sorted(map(len, found.held_out)) == [15, 15, 16]
    for fold, rows in enumerate(found.held_out):
        rest = EXAMPLES[np.setdiff1d(np.arange(46), rows)]
        training = train.start(OBJECTIVE, ADAM, jax.random.key(5), (rest.x[:8], rest.y[:8]))
        stream = [batch for epoch in range(1, 7) for batch in batches(rest, 8, (15 + fold, epoch))]
        losses = []
        for batch in stream[:16]:
            training, loss = step(training, batch)
            losses.append(float(loss))
        np.testing.assert_allclose(found.losses[fold], losses, rtol=1e-4, atol=1e-6)
        expected = evaluated(training.params, training.state, (EXAMPLES.x[rows], EXAMPLES.y[rows]))[0]
        np.testing.assert_allclose(found.scores[fold], expected, rtol=1e-4)
        jax.tree.map(
            lambda ours, alone, fold=fold: np.testing.assert_allclose(ours[fold], alone, rtol=1e-3, atol=1e-5),
            found.trainings.params,
            training.params,
        )
    assert found.mean == pytest.approx(np.mean(found.scores))
    errors = [(score - found.mean) ** 2 for score in found.scores]
    assert found.standard_error == pytest.approx(np.sqrt(sum(errors) / 2 / 3))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"folds": 1}, "46 examples make from 2 to 46 folds, not 1"),
        ({"folds": 47}, "not 47"),
        ({"steps": 0}, "1 step or more"),
        ({"batch_size": 31}, "batch of 31 is larger"),
        ({"batch_size": 0}, "at least one example"),
    ],
)
def test_bad_input_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tuning.cross_validate(OBJECTIVE, ADAM, EXAMPLES, **({"folds": 3} | GIVEN | change))
