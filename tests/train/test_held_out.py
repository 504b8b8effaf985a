import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models import char_lm
from backprop_jax.train import stream_loss


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
