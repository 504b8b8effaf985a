"""Sentences from film reviews, and whether they praise the film."""

import bz2
import html
from pathlib import Path

import numpy as np

from backprop_jax.data.split import draw
from backprop_jax.data.text.text_dataset import TextDataset, TextExamples

__all__ = ["film_sentences", "rated_sentences"]

FILE = Path(__file__).with_name("film_sentences.tsv.bz2")


def film_sentences(validation: float = 0.1, test: float = 0.2, seed: int = 0) -> TextDataset:
    """10,568 English sentences from film reviews, negative (0) or positive (1), about half of each.

    Negative is a mean rating below 0; the 37 sentences with a mean of just 0 are left out. Each mean is of 15
    readers or more, who gave -4 to 4: one near 0 is no clear answer, and no classifier gets all right. The parts are
    drawn as `split` draws them.

    Raises:   ValueError for the fractions, as `split`.
    Source:   Hutto & Gilbert, VADER, ICWSM 2014; sentences of Pang & Lee. film_sentences.LICENSE, beside the file.
    """
    clear = [(rating, text) for rating, text in rated_sentences() if rating != 0]
    examples = TextExamples(tuple(text for _, text in clear), np.array([rating > 0 for rating, _ in clear], np.int32))
    test_rows, validation_rows, train_rows = draw(examples.y, (test, validation), seed)
    parts = (examples[rows] for rows in (train_rows, validation_rows, test_rows))
    return TextDataset("film sentences", ("negative", "positive"), *parts)


def rated_sentences() -> list[tuple[float, str]]:
    """All 10,605 sentences, each with the mean of its ratings from -4 to 4, in the order of the file."""
    with bz2.open(FILE, "rt", encoding="utf-8", newline="\n") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    return [(float(rating), html.unescape(text)) for rating, text in rows]
