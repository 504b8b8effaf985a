import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models import LanguageModelLoss, char_lm, gpt
from backprop_jax.train import stream_loss, window_loss


def test_it_is_one_reading_from_the_beginning_without_dropout() -> None:
    objective = bp.supervised(char_lm(5, width=3, features=4, rate=0.5), bp.losses.CrossEntropy())
    tokens = np.random.default_rng(0).integers(0, 5, 600)  # more than two calls read
    batch = tokens[None, :-1], tokens[None, 1:]
    params, state = objective.init(jax.random.key(0), batch)
    params = jax.tree.map(lambda leaf: 3 * leaf, params)
    expected, _, _ = jax.jit(bp.eval_mode(objective).forward)(params, state, batch)
    assert stream_loss(objective, params, tokens) == pytest.approx(float(expected), rel=1e-6)


def test_every_token_of_a_long_text_counts_once() -> None:
    """By a table of the probabilities of each token after each other, in NumPy."""
    objective = bp.supervised(bp.Embedding(4, 4), bp.losses.CrossEntropy())
    rng = np.random.default_rng(1)
    tokens, logits = rng.integers(0, 4, 2 * 8192 + 7), rng.normal(size=(4, 4)).astype(np.float32)
    params, _ = objective.init(jax.random.key(0), (tokens[None, :4], tokens[None, :4]))
    params = jax.tree.map(lambda leaf: logits, params)
    log_odds = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = -log_odds[tokens[:-1], tokens[1:]].mean()
    assert stream_loss(objective, params, tokens) == pytest.approx(expected, rel=1e-5)


def test_a_text_without_a_next_token_is_refused() -> None:
    objective = bp.supervised(bp.Embedding(4, 4), bp.losses.CrossEntropy())
    with pytest.raises(ValueError, match="a text of 1 tokens is too short"):
        stream_loss(objective, {"w": np.zeros((4, 4), np.float32)}, np.array([0]))


@pytest.mark.parametrize(("count", "steps"), [(40, 6), (41, 5), (5, 8), (3, 1), (2, 1)])
def test_windows_foretell_each_token_once_by_half_a_window_or_more(count: int, steps: int) -> None:
    model = gpt(5, length=8, features=4, layers=1, num_heads=2, rate=0.5)
    objective = LanguageModelLoss(model, bp.losses.LinearCrossEntropy(5))
    tokens = np.random.default_rng(0).integers(0, 5, count)
    params, state = objective.init(jax.random.key(0), (tokens[None, :1], tokens[None, :1]))
    params = jax.tree.map(lambda leaf: leaf + 0.3 * np.random.default_rng(leaf.size).normal(size=leaf.shape), params)
    # One token at a time, from the window that counts it: the first that has both it and half a window before it.
    window, losses = min(steps, count - 1), []
    read = jax.jit(bp.eval_mode(model).forward)
    for place in range(1, count):
        stride = window - window // 2
        end = min(window + max(-(-(place - window) // stride), 0) * stride, count - 1)
        logits, _, _ = read(params, state, tokens[None, end - window : end])
        scores = np.asarray(logits)[0, place - 1 - (end - window)]
        losses.append(np.log(np.exp(scores).sum()) - scores[tokens[place]])
    assert window_loss(objective, params, tokens, steps) == pytest.approx(np.mean(losses), rel=1e-5)


def test_windows_of_a_text_without_a_next_token_are_refused() -> None:
    objective = LanguageModelLoss(gpt(4, 4, 4, 1, 1), bp.losses.LinearCrossEntropy(4))
    with pytest.raises(ValueError, match="a text of 1 tokens is too short"):
        window_loss(objective, {}, np.array([0]), 4)
    with pytest.raises(ValueError, match="a window has 1 step or more, not 0"):
        window_loss(objective, {}, np.array([0, 1]), 0)
