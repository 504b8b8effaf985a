"""Modified Kneser-Ney, one probability at a time."""

from collections import Counter
from collections.abc import Sequence


def probability(text: Sequence[int], size: int, context: tuple[int, ...], token: int, order: int) -> float:
    """Of `token` after `context`, at most `order` - 1 tokens, by grams of up to `order` in `text`."""
    levels = {}
    for length in range(1, order + 1):
        extra = 1 if length < order else 0  # shorter grams: by the different tokens in front
        grams = [tuple(text[i : i + length + extra]) for i in range(len(text) - length - extra + 1)]
        levels[length] = Counter(gram[1:] for gram in set(grams)) if extra else Counter(grams)

    def p(context: tuple[int, ...], token: int) -> float:
        lower = p(context[1:], token) if context else 1 / size
        counts = levels[len(context) + 1]
        followers = [counts[(*context, v)] for v in range(size)]
        if sum(followers) == 0:
            return lower
        discount = _discount(counts)
        spared = sum(discount(n) for n in followers)
        return (followers[token] - discount(followers[token]) + spared * lower) / sum(followers)

    return p(context, token)


def _discount(counts: Counter):
    have = Counter(counts.values())
    y = have[1] / (have[1] + 2 * have[2]) if have[1] else 0.5

    def discount(n: int) -> float:
        j = min(n, 3)
        if j < 2:
            return j * y
        return min(max(j - (j + 1) * y * have[j + 1] / have[j], y), j) if have[j] else y

    return discount
