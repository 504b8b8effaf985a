import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.train import evaluate
from tests.train.tiny import OBJECTIVE, clouds, fresh


@pytest.mark.parametrize("batch_size", [7, 1024])
def test_loss_and_accuracy_are_those_of_the_whole(batch_size: int) -> None:
    examples, training = clouds().train, fresh()
    result = evaluate(OBJECTIVE, training.params, training.state, examples, batch_size)
    model = bp.eval_mode(OBJECTIVE.layer)
    scores, _, _ = jax.jit(model.forward)(training.params, training.state, examples.x)
    log_likelihood = np.log(np.exp(scores) / np.exp(scores).sum(-1, keepdims=True))[
        np.arange(len(examples)), examples.y
    ]
    np.testing.assert_allclose(result.scores, scores, atol=1e-6)
    assert result.loss == pytest.approx(-float(log_likelihood.mean()), rel=1e-5)
    assert result.accuracy == pytest.approx(float((scores.argmax(-1) == examples.y).mean()))
