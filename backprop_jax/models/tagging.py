"""The tagger: a class for each token."""

from backprop_jax.combinators import bidirectional, chain, first, recurrent, select
from backprop_jax.combinators.chain import Chain
from backprop_jax.initializers import normal
from backprop_jax.layers import Dense, Dropout, Embedding, LSTMCell

__all__ = ["sequence_tagger"]


def sequence_tagger(
    vocabulary_size: int, classes: int, width: int = 64, features: int = 64, rate: float = 0.0
) -> Chain:
    """One class for each token of a text, by what stands before it and behind it: an LSTM from both ends.

    `losses.CrossEntropy(ignore_index=-1)` leaves out the steps after the end, where the tags of `data.bucket_batches`
    are -1.

    Shapes:   `Padded(tokens, lengths)`, tokens (B, T) integer -> logits (B, T, classes), at all steps.
    Params:   a dict, "embedding", "recurrent", "readout", and empty ones.   State: the keys of dropout.
    Units:    `width` numbers stand for a token, `features` are the units in each direction. `rate` is the fraction of
              the numbers that dropout removes before and behind the LSTM.
    Source:   Huang, Xu & Yu, 2015, arXiv:1508.01991, section 2.3.
    """
    return chain(
        embedding=first(Embedding(vocabulary_size, width, embedding_init=normal(0.1))),
        dropout1=first(Dropout(rate)),
        recurrent=bidirectional(recurrent(LSTMCell(features))),
        sequences=select(0),
        dropout2=Dropout(rate),
        readout=Dense(classes),
    )
