"""A text in parts."""

from typing import NamedTuple

__all__ = ["TextParts", "split_text"]


class TextParts(NamedTuple):
    """A text to fit the parameters, one to choose the settings, and one to report the result once."""

    train: str
    validation: str
    test: str


def split_text(text: str, validation: float = 0.1, test: float = 0.1) -> TextParts:
    """The beginning of a text for training, then the part to validate on, and its end to test on: each in one piece.

    `validation` and `test` are fractions of its characters, rounded. The parts are not drawn at random: a sentence
    between two that were trained on would be half known.

    Raises:   ValueError if the fractions are not above 0 and below 1 together, or leave a part without text.
    """
    if not (validation > 0 and test > 0 and validation + test < 1):
        raise ValueError(f"the parts must be fractions that leave some to train on, not {validation} and {test}")
    validation_end = len(text) - round(test * len(text))
    train_end = validation_end - round(validation * len(text))
    parts = TextParts(text[:train_end], text[train_end:validation_end], text[validation_end:])
    if not all(parts):
        counts = ", ".join(str(len(part)) for part in parts)
        raise ValueError(f"{len(text)} characters are too few: they leave parts of {counts}, and one is empty")
    return parts
