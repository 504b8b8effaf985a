import numpy as np
import pytest

from backprop_jax.data import next_tokens, pack_sequences


def test_by_hand() -> None:
    """Each in the fullest row that has room: 9 beside 1 2 3, for 7 8 has more room left, and 6 beside that."""
    tokens, segments = pack_sequences([[1, 2, 3], [7, 8], [9], [], [6]], 4)
    assert tokens.dtype == segments.dtype == np.int32
    assert tokens.tolist() == [[1, 2, 3, 9], [7, 8, 6, 0]]
    assert segments.tolist() == [[1, 1, 1, 2], [1, 1, 2, 0]]
    assert next_tokens(tokens, segments).tolist() == [[2, 3, -1, -1], [8, -1, -1, -1]]
    assert pack_sequences([[1, 2, 3], [7, 8], [9], [6]], 4).padding == 1 / 8


def test_a_long_text_is_cut_into_segments() -> None:
    tokens, segments = pack_sequences([[5, 5, 5, 6, 6, 6, 7], [8]], 3)
    assert tokens.tolist() == [[5, 5, 5], [6, 6, 6], [7, 8, 0]]
    assert segments.tolist() == [[1, 1, 1], [1, 1, 1], [1, 2, 0]]
    assert next_tokens(tokens, segments).tolist() == [[5, 5, -1], [6, 6, -1], [-1, -1, -1]]


def test_all_texts_are_there_whole_and_once() -> None:
    rng = np.random.default_rng(0)
    texts = [np.full(length, number + 1) for number, length in enumerate(rng.integers(1, 33, 500))]
    packed = pack_sequences(texts, 32)
    found = []
    for tokens, segments in zip(*packed, strict=True):
        count = int(segments.max())
        assert (np.diff(segments[segments > 0]) >= 0).all()
        assert (segments[np.count_nonzero(segments) :] == 0).all()
        found += [tokens[segments == segment] for segment in range(1, count + 1)]
    found.sort(key=lambda text: text[0])
    assert all(np.array_equal(text, other) for text, other in zip(found, texts, strict=True))
    assert packed.padding < 0.1 < 0.4 < 1 - np.mean([len(text) for text in texts]) / 32  # one text a row
    again = pack_sequences(texts, 32)
    assert all(np.array_equal(one, other) for one, other in zip(packed, again, strict=True))


def test_a_text_that_begins_with_what_the_last_one_ended_with_is_not_its_next() -> None:
    assert next_tokens(np.array([4, 4, 4]), np.array([1, 1, 2])).tolist() == [4, -1, -1]
    assert next_tokens(np.array([4, 0, 0]), np.array([1, 0, 0])).tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("sequences", "length", "message"),
    [
        ([[1]], 0, "at least one place, not 0"),
        ([[1]], 2.5, "at least one place, not 2.5"),
        ([], 4, "no tokens to pack"),
        ([[], []], 4, "no tokens to pack"),
        ([[1], [0.5]], 4, "sequence 1 must be a vector of integers, not float64"),
        ([[1], [[2]]], 4, r"sequence 1 .* of shape \(1, 1\)"),
    ],
)
def test_bad_input_is_refused(sequences: list, length: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pack_sequences(sequences, length)


def test_segments_of_other_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tokens are of shape \(2, 3\) and segments of \(3,\)"):
        next_tokens(np.ones((2, 3), int), np.ones(3, int))
