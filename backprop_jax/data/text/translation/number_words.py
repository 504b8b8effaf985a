"""Numbers in words, in many languages: as many sentences as wanted, with translations that are exactly right."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import numpy as np

from backprop_jax.data.text.translation.parallel_text import ParallelText

__all__ = ["number_phrases", "number_translations"]


def number_phrases(numbers: Iterable[int], language: str = "en") -> tuple[str, ...]:
    """Whole numbers in words: 4321 in "fr" is "quatre mille trois cent vingt et un". About 0.1 ms each.

    Raises:   ValueError for a language that num2words does not know, naming those it does; ModuleNotFoundError, naming
              the extra to install, if it is missing.
    """
    library = _library()
    if language not in library.CONVERTER_CLASSES:  # which the library would take for another, or not name
        known = ", ".join(sorted(library.CONVERTER_CLASSES))
        raise ValueError(f"num2words knows no language {language!r}, but {known}")
    return tuple(library.num2words(int(number), lang=language) for number in numbers)


def number_translations(
    count: int = 10_000, limit: int = 1_000_000, source: str = "en", target: str = "fr", seed: int = 0
) -> ParallelText:
    """`count` different numbers from 0 to `limit - 1`, drawn by the seed, in the words of two languages.

    Nine of ten have as many digits as the largest. `split_parallel` makes parts of which no number is in two. Numbers
    and seed give the same pairs wherever the versions of NumPy and num2words are the same.

    Raises:   ValueError if there are not as many numbers, and as `number_phrases`; ModuleNotFoundError as that.
    """
    if not 1 <= count <= limit:
        raise ValueError(f"{count} different numbers cannot be drawn from the {limit} below {limit}")
    numbers = np.random.default_rng(seed).choice(limit, count, replace=False).tolist()
    return ParallelText(number_phrases(numbers, source), number_phrases(numbers, target))


def _library() -> Any:
    try:
        return import_module("num2words")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "numbers in words need num2words, which is not installed: pip install 'backprop-jax[translation]'"
        ) from error
