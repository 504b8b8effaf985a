import jax
import numpy as np

import backprop_jax as bp
from backprop_jax.models import sentiment_classifier
from tests.models.gradients import assert_gradient_of_objective

TOKENS, LENGTHS = np.array([[3, 1, 4, 1], [5, 2, 6, 5], [3, 5, 6, 6]]), np.array([4, 1, 2])


def test_gradient() -> None:
    objective = bp.supervised(sentiment_classifier(7, 3, 2, 4, rate=0.5), bp.losses.CrossEntropy())
    assert_gradient_of_objective(objective, (bp.Padded(TOKENS, LENGTHS), np.array([0, 1, 2])))


def test_what_fills_up_changes_nothing() -> None:
    model = bp.eval_mode(sentiment_classifier(7, width=3, features=4, rate=0.5))
    forward = jax.jit(lambda params, state, x: model.forward(params, state, x)[0])
    params, state = jax.jit(model.init)(jax.random.key(0), bp.Padded(TOKENS, LENGTHS))
    whole = forward(params, state, bp.Padded(TOKENS, LENGTHS))
    assert whole.shape == (3, 2)
    for tokens, length, expected in zip(TOKENS, LENGTHS, whole, strict=True):
        alone = bp.Padded(tokens[None, :length], np.array([length]))
        np.testing.assert_allclose(forward(params, state, alone)[0], expected, rtol=1e-5, atol=1e-6)


def test_both_ends_are_read() -> None:
    """A change of the last token reaches the first step by the units that begin at the end, and by no others."""
    model = sentiment_classifier(7, width=3, features=4).children
    parts = dict(zip(model.names or (), model.layers, strict=True))
    front = bp.chain(embedding=parts["embedding"], recurrent=parts["recurrent"])
    params, state = front.init(jax.random.key(0), bp.Padded(TOKENS, LENGTHS))
    first = lambda tokens: front.forward(params, state, bp.Padded(tokens, LENGTHS))[0].x[0, 0]
    changed = first(np.where(np.arange(4) == 3, 0, TOKENS)) != first(TOKENS)
    assert changed.tolist() == [False] * 4 + [True] * 4
