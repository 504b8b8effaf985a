"""Pairs of sentences: does the second follow the first?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from backprop_jax.data.text.buckets import token_row

__all__ = ["SentencePairs", "sentence_pairs"]

SPECIAL = 3  # in each row: the begin and two separators


class SentencePairs(NamedTuple):
    """Pairs of sentences as rows `begin A separator B separator`.

    Shapes:   tokens (N, T) int32, 0 after the end; token_types (N, T) int32, 0 up to the first separator and after the
              end, 1 between; lengths (N,) int32; labels (N,) int32, 0 if B follows A, 1 if it is a random sentence.
    """

    tokens: np.ndarray
    token_types: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray


def sentence_pairs(
    documents: Sequence[Sequence[np.ndarray | Sequence[int]]],
    length: int,
    begin: int,
    separator: int,
    seed: int | tuple[int, ...] = 0,
) -> SentencePairs:
    """Each sentence with the one after it, or, in half of the pairs, with a random one of another document.

    Pairs are in the order of their first sentences. Which are random depends on the seed, such as `(seed, epoch)`;
    they are half of all, less one half if the number is odd. In a pair that is too long the longer sentence loses its
    end, until it fits or both are of one length. Sentences may be any pieces of text: in the source, several
    sentences make one.

    Raises:   ValueError if there are not two documents, no document has two sentences, or length is less than 5; and,
              naming it, if a document or a sentence is empty, or a sentence is no vector of integers.
    Source:   Devlin et al., 2019, arXiv:1810.04805, section 3.1 and appendix A.2; 1 for random as in its code.
    """
    if length < SPECIAL + 2:
        raise ValueError(
            f"a pair of sentences and its {SPECIAL} special tokens need a length of 5 or more, not {length}"
        )
    texts = [_sentences(number, document) for number, document in enumerate(documents)]
    if len(texts) < 2:
        raise ValueError(f"a random sentence is of another document, which needs two documents, not {len(texts)}")
    firsts = [(document, place) for document, text in enumerate(texts) for place in range(len(text) - 1)]
    if not firsts:
        raise ValueError("no document has two sentences, of which the second follows the first")
    rng = np.random.default_rng(seed)
    labels = (rng.permutation(len(firsts)) < len(firsts) // 2).astype(np.int32)
    tokens, types = np.zeros((2, len(firsts), length), np.int32)
    lengths = np.zeros(len(firsts), np.int32)
    for row, (document, place) in enumerate(firsts):
        second = _random_sentence(rng, texts, document) if labels[row] else texts[document][place + 1]
        a, b = _cut(texts[document][place], second, length - SPECIAL)
        pair = np.concatenate([[begin], a, [separator], b, [separator]])
        tokens[row, : len(pair)] = pair
        types[row, len(a) + 2 : len(pair)] = 1
        lengths[row] = len(pair)
    return SentencePairs(tokens, types, lengths, labels)


def _sentences(number: int, document: Sequence[np.ndarray | Sequence[int]]) -> list[np.ndarray]:
    sentences = [
        token_row(f"sentence {place} of document {number}", sentence) for place, sentence in enumerate(document)
    ]
    if not sentences:
        raise ValueError(f"document {number} has no sentences")
    for place, sentence in enumerate(sentences):
        if not len(sentence):
            raise ValueError(f"sentence {place} of document {number} is empty")
    return sentences


def _random_sentence(rng: np.random.Generator, texts: list[list[np.ndarray]], document: int) -> np.ndarray:
    """One of another document; all documents alike, and in it all sentences."""
    other = int(rng.integers(len(texts) - 1))
    text = texts[other + (other >= document)]
    return text[rng.integers(len(text))]


def _cut(a: np.ndarray, b: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    a = a[: room - min(len(b), room // 2)]
    return a, b[: room - len(a)]
