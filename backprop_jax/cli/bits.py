"""The bits of a text, which compare between vocabularies."""

import math
from typing import Literal

import numpy as np

from backprop_jax.cli.text_model import AnyVocabulary

__all__ = ["Unit", "bits_of_unit"]

Unit = Literal["character", "byte"]


def bits_of_unit(vocabulary: AnyVocabulary, unit: Unit, loss: float, tokens: np.ndarray) -> float:
    """Bits a unit by the loss, nats a token: what differs between vocabularies is how many tokens there are."""
    text = vocabulary.decode(tokens)
    return loss / math.log(2) * len(tokens) / len(text if unit == "character" else text.encode())
