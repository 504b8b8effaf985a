import numpy as np
import pytest

from backprop_jax.data import sentence_pairs

BEGIN, SEPARATOR = 1, 2


def sentence(document: int, place: int, length: int) -> list[int]:
    """Every token tells its sentence: 10 to 99."""
    return [10 * (document + 1) + place] * length


DOCUMENTS = [[sentence(d, s, 1 + (d + s) % 4) for s in range(count)] for d, count in enumerate((5, 1, 7, 4))]


def test_rows_are_pairs_of_neighbours_or_of_two_documents() -> None:
    pairs = sentence_pairs(DOCUMENTS, 12, BEGIN, SEPARATOR)
    assert [array.shape for array in pairs] == [(13, 12), (13, 12), (13,), (13,)]
    assert all(array.dtype == np.int32 for array in pairs)
    firsts = [10 * (d + 1) + s for d, count in enumerate((5, 1, 7, 4)) for s in range(count - 1)]
    assert pairs.labels.sum() == 6
    for first, tokens, types, length, label in zip(firsts, *pairs, strict=True):
        middle, end = np.flatnonzero(tokens == SEPARATOR)
        a, b = tokens[1:middle], tokens[middle + 1 : end]
        for part in (a, b):
            assert part.tolist() == DOCUMENTS[part[0] // 10 - 1][part[0] % 10]
        assert (tokens[0], a[0], length) == (BEGIN, first, end + 1)
        assert (b[0] // 10 != first // 10) if label else (b[0] == first + 1)
        assert (types == [0] * (middle + 1) + [1] * (end - middle) + [0] * (12 - end - 1)).all()
        assert (tokens[length:] == 0).all()


@pytest.mark.parametrize(
    ("lengths", "kept"), [((9, 9), (4, 3)), ((9, 2), (5, 2)), ((2, 9), (2, 5)), ((4, 4), (4, 3)), ((3, 4), (3, 4))]
)
def test_the_longer_sentence_is_cut(lengths: tuple[int, int], kept: tuple[int, int]) -> None:
    documents = [[[10] * lengths[0], [20] * lengths[1]], [[30]]]
    tokens = sentence_pairs(documents, 10, BEGIN, SEPARATOR).tokens[0].tolist()  # one pair, and half of it is none
    assert (tokens.count(10), tokens.count(20)) == kept
    assert sum(kept) + 3 == len([token for token in tokens if token])


def test_the_pairs_depend_on_the_seed_alone() -> None:
    draw = lambda seed: sentence_pairs(DOCUMENTS, 12, BEGIN, SEPARATOR, seed).tokens.tolist()
    assert draw((0, 1)) == draw((0, 1)) != draw((0, 2))


def test_random_sentences_come_from_all_documents_alike() -> None:
    documents = [[[10], [10]] * 200, [[20]], [[30], [31], [31]]]
    pairs = sentence_pairs(documents, 5, BEGIN, SEPARATOR)
    drawn = pairs.tokens[:399][pairs.labels[:399] == 1, 3]
    assert set(drawn.tolist()) == {20, 30, 31}
    assert abs(np.mean(drawn == 20) - 0.5) < 0.2


@pytest.mark.parametrize(
    ("documents", "length", "message"),
    [
        (DOCUMENTS, 4, "a length of 5 or more, not 4"),
        (DOCUMENTS[:1], 9, "needs two documents, not 1"),
        ([[[1]], [[2]]], 9, "no document has two sentences"),
        ([[[1], [2]], []], 9, "document 1 has no sentences"),
        ([[[1], [2]], [[3], []]], 9, "sentence 1 of document 1 is empty"),
        ([[[1], [2]], [[0.5]]], 9, "sentence 0 of document 1 must be a vector of integers, not float64"),
    ],
)
def test_bad_documents_are_refused(documents: list, length: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sentence_pairs(documents, length, BEGIN, SEPARATOR)
