import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.data import mask_tokens

SIZE, MASK, SPECIAL = 40, 3, (0, 1, 39)
TOKENS = np.random.default_rng(0).integers(0, SIZE, (400, 500), dtype=np.int32)
KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def masked() -> tuple[np.ndarray, np.ndarray]:
    quick = {"xla_backend_optimization_level": 0}
    run = jax.jit(lambda key, tokens: mask_tokens(key, tokens, SIZE, MASK, SPECIAL), compiler_options=quick)
    inputs, targets = run(KEY, TOKENS)
    return np.asarray(inputs), np.asarray(targets)


def test_targets_are_the_hidden_tokens_and_only_chosen_ones_change(masked: tuple[np.ndarray, np.ndarray]) -> None:
    inputs, targets = masked
    assert inputs.dtype == targets.dtype == np.int32
    chosen = targets != -1
    assert (targets[chosen] == TOKENS[chosen]).all()
    assert (inputs[~chosen] == TOKENS[~chosen]).all()
    assert not np.isin(targets, [*SPECIAL, MASK]).any()


def test_the_shares_are_those_of_the_paper(masked: tuple[np.ndarray, np.ndarray]) -> None:
    """Five standard deviations of a binomial share of some 27,000 chosen of 180,000 words."""
    inputs, targets = masked
    words = ~np.isin(TOKENS, [*SPECIAL, MASK])
    chosen = targets != -1
    near = lambda share, wanted, count: abs(share - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / count)
    assert near(chosen.sum() / words.sum(), 0.15, words.sum())
    given, told = inputs[chosen], targets[chosen]
    kept_by_chance = 0.1 / 36  # a random word of 36 is the right one
    assert near(np.mean(given == MASK), 0.8, len(told))
    assert near(np.mean(given == told), 0.1 + kept_by_chance, len(told))
    drawn = given[(given != MASK) & (given != told)]
    assert set(drawn.tolist()) == set(range(SIZE)) - {*SPECIAL, MASK}
    assert near(np.mean(drawn == 7), 1 / 36, len(drawn))


def test_it_depends_on_the_key_alone_and_any_shape_goes() -> None:
    tokens = jnp.full(64, 5)
    first, again, other = (mask_tokens(jax.random.key(key), tokens, SIZE, MASK, rate=0.5)[1] for key in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    everything = mask_tokens(KEY, tokens, SIZE, MASK, rate=1)[1]
    assert (everything == 5).all()


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
