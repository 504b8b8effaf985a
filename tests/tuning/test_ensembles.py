"""Members of an ensemble are what they would be alone, and their probabilities are averaged."""

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import optim, train, tuning
from backprop_jax.data import batches
from tests.train.tiny import OBJECTIVE, clouds

DATA = clouds()
ADAM = optim.adam(0.03)


def test_members_are_what_they_would_be_alone_and_their_probabilities_the_mean() -> None:
    examples = DATA.train[np.arange(40)]
    found = tuning.ensemble(OBJECTIVE, ADAM, examples, steps=16, batch_size=8, seeds=(0, 7, 3))
    step, forward = train.make_step(OBJECTIVE, ADAM), jax.jit(bp.eval_mode(OBJECTIVE.layer).forward)
    x, probabilities = DATA.validation.x, []
    for member, seed in enumerate((0, 7, 3)):
        training = train.start(OBJECTIVE, ADAM, jax.random.key(seed), (examples.x[:8], examples.y[:8]))
        stream = [batch for epoch in (1, 2, 3, 4) for batch in batches(examples, 8, (seed, epoch))]
        losses = []
        for batch in stream[:16]:
            training, loss = step(training, batch)
            losses.append(float(loss))
        np.testing.assert_allclose(found.losses[member], losses, rtol=1e-4, atol=1e-6)
        own = found.member(member)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), own.params, training.params)
        logits = np.asarray(forward(training.params, training.state, x)[0], np.float64)
        probabilities.append(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    averaged = found.probabilities(OBJECTIVE.layer, x)
    np.testing.assert_allclose(averaged, np.mean(probabilities, 0), rtol=1e-3, atol=1e-5)
    assert not np.allclose(probabilities[0], probabilities[1], rtol=1e-2)


def test_bad_input_is_refused() -> None:
    for seeds in ((), (1, 1)):
        with pytest.raises(ValueError, match="seeds that are all different"):
            tuning.ensemble(OBJECTIVE, ADAM, DATA.train, steps=1, batch_size=8, seeds=seeds)
