import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models import gpt
from tests.catalogue import ids

TOKENS = ids(2, 6, below=11)


def test_has_the_numbers_of_gpt_2() -> None:
    """The smallest has 124,439,808 parameters, as published with its weights."""
    params, _ = jax.eval_shape(gpt(50257).init, jax.random.key(0), TOKENS)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 124_439_808


def test_what_comes_later_is_not_seen() -> None:
    model = gpt(11, 8, 8, 2, 2)
    params, state = model.init(jax.random.key(0), TOKENS)
    changed = TOKENS.copy()
    changed[:, 4] = (changed[:, 4] + 1) % 11
    before, after = (np.asarray(model.forward(params, state, tokens)[0]) for tokens in (TOKENS, changed))
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert (np.abs(before[:, 4:] - after[:, 4:]).max(-1) > 1e-6).all()


def test_recomputation_changes_what_is_saved_and_nothing_else() -> None:
    models = [gpt(11, 8, 8, 2, 2, recompute=recompute) for recompute in ("none", "norms", "block")]
    saved = [bp.residual_bytes(model, TOKENS) for model in models]
    assert saved[0] > saved[1] > saved[2]
    params, state = models[0].init(jax.random.key(0), TOKENS)
    logits = [model.forward(params, state, TOKENS)[0] for model in models]
    for other in logits[1:]:
        np.testing.assert_allclose(other, logits[0], atol=1e-6)


def test_a_sequence_longer_than_the_positions() -> None:
    with pytest.raises(ValueError, match=r"places for 4 steps of width 8, but was given \[2, 6, 8\]"):
        gpt(11, 4, 8, 1, 2).init(jax.random.key(0), TOKENS)


def test_features_that_the_heads_do_not_divide() -> None:
    with pytest.raises(ValueError, match="8 features cannot be divided among 3 heads"):
        gpt(11, 8, 8, 1, 3)
