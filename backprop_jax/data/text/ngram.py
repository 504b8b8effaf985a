"""Counted n-grams: what a network has to beat."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from backprop_jax.data.text.token_check import token_vector

__all__ = ["NgramModel"]


class Counts(NamedTuple):
    """How often the n-grams of one length occur; each is one number, its tokens the digits in base `size`."""

    grams: np.ndarray  # sorted
    discounted: np.ndarray  # of each gram: n - D(n)
    contexts: np.ndarray  # the grams without their last token, sorted
    totals: np.ndarray  # of each context: the sum of n
    spared: np.ndarray  # of each context: the sum of D(n)


@dataclass(frozen=True, eq=False)
class NgramModel:
    """The probability of a token by those before it, from counts: Kneser-Ney, modified and interpolated.

        p_k(c | h) = (n(hc) - D(n(hc))) / n(h) + Σ_v D(n(hv)) / n(h) · p_{k-1}(c | h'),   p_0 = 1 / size

    h are the last k - 1 tokens and h' all of them but the first; n(h) = Σ_v n(hv), and where that is 0, p_k = p_{k-1}.
    For the longest grams n counts how often they occur, for the others by how many different tokens they are preceded.
    The discount D is 0 for 0, and one number each for 1, 2, and 3 or more:

        D(j) = j - (j + 1) Y N_{j+1} / N_j,   Y = N_1 / (N_1 + 2 N_2),   N_j: how many grams have n = j

    Source:   Chen & Goodman, 1999, 10.1006/csla.1999.0128, section 3.
    """

    size: int
    levels: tuple[Counts, ...]  # of grams of one token, of two, and so on

    @classmethod
    def from_tokens(cls, tokens: np.ndarray | Sequence[int], size: int, order: int = 5) -> "NgramModel":
        """Count the grams of 1 to `order` tokens in a text (N,) of a vocabulary of `size`.

        Raises:   ValueError if order is less than one, there are fewer tokens than that, or so many grams are possible
                  that 63 bits cannot number them; and as `check_tokens`, and for another shape.
        """
        tokens = token_vector(tokens, size)
        if not 1 <= order <= len(tokens):
            raise ValueError(f"{len(tokens)} tokens have no grams of {order}")
        if size**order > 2**63:
            raise ValueError(f"{size}^{order} grams are too many to be numbered by 63 bits: choose a lower order")
        grams = [_grams(tokens, size, length) for length in range(1, order + 1)]
        preceded = [np.unique(longer) % size**length for length, longer in enumerate(grams[1:], start=1)]
        return cls(size, tuple(_count(occurring, size) for occurring in (*preceded, grams[-1])))

    def probabilities(self, tokens: np.ndarray | Sequence[int]) -> np.ndarray:
        """The probability (N,) of each token, by as many as there are before it, up to order - 1.

        Raises:   as `check_tokens`, and ValueError for another shape.
        """
        tokens = token_vector(tokens, self.size)
        p = np.full(len(tokens), 1 / self.size)
        for length, level in enumerate(self.levels[: len(tokens)], start=1):
            grams, lower = _grams(tokens, self.size, length), p[length - 1 :]
            contexts = grams // self.size
            discounted = _look_up(level.grams, level.discounted, grams)
            total = _look_up(level.contexts, level.totals, contexts)
            spared = _look_up(level.contexts, level.spared, contexts)
            p[length - 1 :] = np.where(total > 0, (discounted + spared * lower) / np.maximum(total, 1), lower)
        return p

    def bits(self, tokens: np.ndarray | Sequence[int]) -> float:
        """The mean of -log2 p over some tokens: bits per character, where those are the tokens.

        Raises:   ValueError if there are none; and as `check_tokens`, and for another shape.
        """
        if len(tokens) == 0:
            raise ValueError("no tokens have no mean")
        return float(-np.log2(self.probabilities(tokens)).mean())


def _grams(tokens: np.ndarray, size: int, length: int) -> np.ndarray:
    """The numbers of the N - length + 1 grams of a text, in its order."""
    count = len(tokens) - length + 1
    numbers = np.zeros(count, np.int64)
    for place in range(length):
        numbers = numbers * size + tokens[place : place + count]
    return numbers


def _count(occurring: np.ndarray, size: int) -> Counts:
    grams, counts = np.unique(occurring, return_counts=True)
    contexts, begins = np.unique(grams // size, return_index=True)
    discount = _discounts(counts)[np.minimum(counts, 3)]
    totals, spared = (np.add.reduceat(values, begins) for values in (counts, discount))
    return Counts(grams, counts - discount, contexts, totals, spared)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """D(0) to D(3). None but the first is below Y > 0: what is spared is what unseen tokens get."""
    grams = np.bincount(np.minimum(counts, 5), minlength=6)
    y = grams[1] / (grams[1] + 2 * grams[2]) if grams[1] else 0.5
    estimate = lambda j: np.clip(j - (j + 1) * y * grams[j + 1] / grams[j], y, j) if grams[j] else y
    return np.array([0, y, estimate(2), estimate(3)])


def _look_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value of each wanted key, 0 for one that is not there."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
