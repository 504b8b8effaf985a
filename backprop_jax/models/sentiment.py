"""The classifier of texts."""

from backprop_jax.combinators import bidirectional, chain, fan_out, first, recurrent
from backprop_jax.combinators.chain import Chain
from backprop_jax.initializers import normal
from backprop_jax.layers import Concatenate, Dense, Dropout, Embedding, GRUCell, MaxSteps, MeanSteps

__all__ = ["sentiment_classifier"]


def sentiment_classifier(
    vocabulary_size: int, classes: int = 2, width: int = 64, features: int = 64, rate: float = 0.0
) -> Chain:
    """One class for each text: a GRU from both ends, the mean and the maximum of what it says at the real steps.

    Shapes:   `Padded(tokens, lengths)`, tokens (B, T) integer -> logits (B, classes).
    Params:   a dict, "embedding", "recurrent", "readout", and empty ones.   State: the keys of dropout.
    Units:    `width` numbers stand for a token, `features` are the units in each direction. `rate` is the fraction of
              the numbers that dropout removes, of each token and of the pooled ones.
    Source:   Schuster & Paliwal, 1997; Cho et al., 2014, arXiv:1406.1078; Conneau et al., 2017, arXiv:1705.02364,
              section 3.2, for the pooling.
    """
    return chain(
        embedding=first(Embedding(vocabulary_size, width, embedding_init=normal(0.1))),
        dropout1=first(Dropout(rate)),
        recurrent=bidirectional(recurrent(GRUCell(features))),
        pool=fan_out(MeanSteps(), MaxSteps(), join=Concatenate()),
        dropout2=Dropout(rate),
        readout=Dense(classes),
    )
