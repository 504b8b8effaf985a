import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.data import Examples
from backprop_jax.train import evaluate
from tests.train.tiny import OBJECTIVE, clouds, fresh


@pytest.mark.parametrize("batch_size", [7, None])
def test_loss_and_accuracy_are_those_of_the_whole(batch_size: int | None) -> None:
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


def test_large_images_come_in_small_batches() -> None:
    sizes = []

    def first_pixels(x: jax.Array) -> jax.Array:
        sizes.append(len(x))
        return x[:, 0, :2, 0]

    objective = bp.supervised(bp.from_function(first_pixels), bp.losses.CrossEntropy())
    images = np.zeros((5, 1000, 500, 3), np.float32)
    evaluate(objective, (), (), Examples(images, np.zeros(5, int)))
    assert set(sizes) == {2, 1}
