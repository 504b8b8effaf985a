import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.data import HiddenWords, mask_tokens

SIZE, MASK, SPECIAL = 40, 3, (0, 1, 39)
TOKENS = np.random.default_rng(0).integers(0, SIZE, (400, 500), dtype=np.int32)
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def masked() -> tuple[np.ndarray, HiddenWords]:
    quick = {"xla_backend_optimization_level": 0}
    run = jax.jit(lambda key, tokens: mask_tokens(key, tokens, SIZE, MASK, SPECIAL), compiler_options=quick)
    return jax.tree.map(np.asarray, run(KEY, TOKENS))


def test_the_words_are_those_that_were_there_and_the_rest_stays(masked: tuple[np.ndarray, HiddenWords]) -> None:
    inputs, (places, words) = masked
    assert inputs.dtype == words.dtype == np.int32
    assert all(len(set(row)) == 75 for row in places.tolist())  # 0.15 of 500
    told = np.take_along_axis(TOKENS, places, 1)
    assert (words[words != -1] == told[words != -1]).all()
    assert not np.isin(words, [*SPECIAL, MASK]).any()
    left = np.ones(TOKENS.shape, bool)
    np.put_along_axis(left, places, words == -1, 1)
    assert (inputs[left] == TOKENS[left]).all()


def test_the_shares_are_those_of_the_paper(masked: tuple[np.ndarray, HiddenWords]) -> None:
    """Of each text, exactly; and five standard deviations of a binomial share of some 27,000 chosen words."""
    inputs, (places, words) = masked
    chosen, is_word = words != -1, ~np.isin(TOKENS, [*SPECIAL, MASK])
    np.testing.assert_allclose(chosen.sum(1), 0.15 * is_word.sum(1), atol=0.501)
    near = lambda share, wanted, count: abs(share - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / count)
    given, told = np.take_along_axis(inputs, places, 1)[chosen], words[chosen]
    kept_by_chance = 0.1 / 36  # a random word of 36 is the right one
    assert near(np.mean(given == MASK), 0.8, len(told))
    assert near(np.mean(given == told), 0.1 + kept_by_chance, len(told))
    drawn = given[(given != MASK) & (given != told)]
    assert set(drawn.tolist()) == set(range(SIZE)) - {*SPECIAL, MASK}
    assert near(np.mean(drawn == 7), 1 / 36, len(drawn))
    # A word early in its text is as likely as a late one.
    assert near(np.mean(places[chosen] < 250), is_word[:, :250].sum() / is_word.sum(), len(told))


def test_it_depends_on_the_key_alone_and_any_shape_goes() -> None:
    tokens = jnp.full(64, 5)
    first, again, other = (mask_tokens(jax.random.key(key), tokens, SIZE, MASK, rate=0.5)[1] for key in (1, 1, 2))
    assert np.array_equal(first.places, again.places)
    assert not np.array_equal(first.places, other.places)
    everything = mask_tokens(KEY, tokens, SIZE, MASK, rate=1)[1]
    assert (everything.words == 5).all() and sorted(everything.places.tolist()) == list(range(64))


def test_a_short_text_has_one_and_one_without_words_none() -> None:
    tokens = np.array([[7, 0, 0, 0, 0, 0], [0] * 6, [7, 8, 9, 7, 8, 9]])
    inputs, (places, words) = mask_tokens(KEY, tokens, SIZE, MASK, SPECIAL, rate=0.4)
    assert places.shape == (3, 2)
    assert (np.asarray(words) != -1).sum(1).tolist() == [1, 0, 2]
    assert (np.asarray(inputs)[:2, 1:] == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0}, "above 0 and at most 1, not 0"),
        ({"rate": 15}, "not 15"),
        ({"mask_token": 40}, "the special token 40 is not in the vocabulary of 0 to 39"),
        ({"special_tokens": (0, -1)}, "the special token -1"),
        ({"vocabulary_size": 2, "mask_token": 1, "special_tokens": (0,)}, "all 2 tokens of the vocabulary are special"),
    ],
)
def test_bad_settings_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mask_tokens(KEY, TOKENS, **{"vocabulary_size": SIZE, "mask_token": MASK, **options})


def test_the_type_must_hold_the_vocabulary() -> None:
    mask_tokens(KEY, np.ones(3, np.int8), 128, 127)
    with pytest.raises(ValueError, match="tokens of int8 cannot be all of the vocabulary of 0 to 128"):
        mask_tokens(KEY, np.ones(3, np.int8), 129, MASK)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_tokens_must_be_able_to_be_minus_one(dtype: type) -> None:
    with pytest.raises(TypeError, match=f"signed integers.*not {np.dtype(dtype)}"):
        mask_tokens(KEY, np.ones(3, dtype), SIZE, MASK)


def test_a_text_has_a_length() -> None:
    for tokens in (np.int32(3), np.zeros((2, 0), np.int32)):
        with pytest.raises(ValueError, match=r"texts \(\.\.\., T\) of 1 token or more, not \["):
            mask_tokens(KEY, tokens, SIZE, MASK)  # pyright: ignore[reportArgumentType]
