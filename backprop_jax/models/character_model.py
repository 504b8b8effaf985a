"""The recurrent language model."""

from typing import Literal

from backprop_jax.combinators import chain, recurrent
from backprop_jax.combinators.chain import Chain
from backprop_jax.core.layer import Layer
from backprop_jax.core.whole_number import whole_number
from backprop_jax.layers import Dense, Dropout, Embedding, GRUCell, LSTMCell

__all__ = ["char_lm"]

CELLS = {"lstm": LSTMCell, "gru": GRUCell}


def char_lm(
    vocabulary_size: int,
    width: int = 64,
    features: int = 256,
    layers: int = 1,
    cell: Literal["lstm", "gru"] = "lstm",
    rate: float = 0.0,
) -> Chain:
    """The next token by all before it: an embedding, recurrent layers with dropout after each, and a dense layer.

    The state holds the carries: a call goes on where the one before it ended, without a gradient from one to the other,
    so a training on `data.stream_batches` is truncated back-propagation through time. `models.generate` writes with it.

    Shapes:   tokens (B, T) integer -> logits (B, T, vocabulary_size). B is that of the x given to `init`, T any.
    Params:   a dict, "embedding", "recurrent1" and so on, "readout", and empty ones.
    State:    likewise: the carries, and the keys of dropout. For another B, or a new text, that of a new `init`.
    Units:    `width` numbers stand for a token, `features` are the units of each recurrent layer. `rate` is the
              fraction that dropout removes, the same units at every step of a call.
    Raises:   ValueError if there is not one layer or more, `cell` is of another kind, or as the layers for their sizes.
    Source:   Mikolov et al., 2010, Interspeech; Zaremba et al., 2014, arXiv:1409.2329, for where the dropout is.
    """
    if whole_number(layers, least=1) is None:
        raise ValueError(f"char_lm needs 1 recurrent layer or more, a whole number, not {layers!r}")
    if cell not in CELLS:
        raise ValueError(f"char_lm needs a cell of {', '.join(map(repr, CELLS))}, not {cell!r}")
    hidden: dict[str, Layer] = {}
    for number in range(1, layers + 1):
        hidden[f"recurrent{number}"] = recurrent(CELLS[cell](features), carry="state")
        if rate != 0:
            hidden[f"dropout{number}"] = Dropout(rate, broadcast_dims=(1,))
    return chain(embedding=Embedding(vocabulary_size, width), **hidden, readout=Dense(vocabulary_size))
