from itertools import product

import numpy as np
import pytest

from backprop_jax.data import CharacterVocabulary, NgramModel
from tests.oracles.ngram import probability

RNG = np.random.default_rng(0)
# Three of four times the token after t is t + 1: some contexts are seen often, some once and some never.
TEXT = np.cumsum(np.where(RNG.random(400) < 0.75, 1, RNG.integers(0, 6, 400))) % 6


@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_are_those_of_the_formula(order: int) -> None:
    model = NgramModel.from_tokens(TEXT, 7, order)  # a seventh token, which does not occur
    held_out = np.append(RNG.integers(0, 7, 25), TEXT[:15])
    expected = [
        probability(TEXT.tolist(), 7, tuple(held_out[max(i - order + 1, 0) : i].tolist()), int(token), order)
        for i, token in enumerate(held_out)
    ]
    assert np.allclose(model.probabilities(held_out), expected, rtol=1e-12)


def test_numbers_by_hand() -> None:
    """abab, in pairs: ab twice, ba once; by what precedes them, a once and b once.

    Y = 1 / (1 + 2) for pairs, so D(1) = 1/3 and D(2) = 2 - 0; for single tokens Y = 2 / 2 = 1 = D(1), all is spared.
    """
    model = NgramModel.from_tokens([0, 1, 0, 1], size=4, order=2)
    assert np.allclose(model.probabilities([0]), [1 / 4])
    assert np.allclose(model.probabilities([1, 0]), [1 / 4, (1 - 1 / 3) + 1 / 3 * 1 / 4])
    assert np.allclose(model.probabilities([0, 1]), [1 / 4, (2 - 2) / 2 + 2 / 2 * 1 / 4])


@pytest.mark.parametrize("text", [TEXT, [0, 0, 0, 0, 0, 0, 0], [3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4], range(6)])
def test_probabilities_sum_to_one_after_any_context(text: list[int]) -> None:
    model = NgramModel.from_tokens(text, 6, 5)
    for context in [*RNG.integers(0, 6, (20, 4)), *product([3, 4], repeat=4), text[:4], []]:
        p = np.array([model.probabilities([*context, token])[-1] for token in range(6)])
        assert (p > 0).all()
        assert np.isclose(p.sum(), 1, rtol=1e-12)


def test_bits_of_a_text_without_and_with_structure() -> None:
    noise = RNG.integers(0, 4, 40_000)
    assert 2 <= NgramModel.from_tokens(noise[:20_000], 4).bits(noise[20_000:]) < 2.05
    text = "the cat sat on the mat. " * 50
    vocabulary = CharacterVocabulary.from_text(text)
    assert NgramModel.from_tokens(vocabulary.encode(text), len(vocabulary)).bits(vocabulary.encode(text)) < 0.5


def test_a_longer_memory_helps() -> None:
    bits = [NgramModel.from_tokens(TEXT[:300], 6, order).bits(TEXT[300:]) for order in (1, 2)]
    assert bits[1] < bits[0] - 0.5


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="3 tokens have no grams of 5"):
        NgramModel.from_tokens([0, 1, 2], 3)
    with pytest.raises(ValueError, match="no grams of 0"):
        NgramModel.from_tokens([0, 1, 2], 3, order=0)
    with pytest.raises(ValueError, match=r"100000\^5 grams are too many"):
        NgramModel.from_tokens(TEXT, 100_000)
    with pytest.raises(ValueError, match=r"token 6 at \[1\] is not in the vocabulary of 0 to 5"):
        NgramModel.from_tokens(TEXT, 6).bits([0, 6])
    with pytest.raises(ValueError, match="no tokens"):
        NgramModel.from_tokens(TEXT, 6).bits([])
