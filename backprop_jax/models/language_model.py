"""A model of the next token whose first and last matrix are one."""

from dataclasses import dataclass
from typing import NamedTuple

import jax

from backprop_jax.combinators import first
from backprop_jax.core.checks import require_components
from backprop_jax.core.cotangents import pull
from backprop_jax.core.layer import Layer, PyTree, output_like
from backprop_jax.core.parts import Part
from backprop_jax.layers import Embedding
from backprop_jax.layers.attention.sequences import sequences_of, with_sequences
from backprop_jax.layers.example_gradients import Outer
from backprop_jax.losses import LinearCrossEntropy
from backprop_jax.models.tied_parts import TiedLogits, TiedLookup, TiedLoss
from backprop_jax.models.tied_table import add_lookup, require_tied_loss, total

__all__ = ["LanguageModel", "LanguageModelLoss"]


class LanguageModelResiduals(NamedTuple):
    tokens: PyTree
    body: PyTree
    head: PyTree


@dataclass(frozen=True)
class LanguageModel(Layer):
    """An embedding, a body, and logits by the embedding's own table.

        y = f(table[x]) tableᵀ

    Shapes:   tokens (B, T) integer, or `Packed(tokens, segments)` or `Padded(tokens, lengths)` -> logits (B, T, V).
    Params:   a dict: those of "embedding" and of "body".   State: that of the body.
    Saves:    the tokens, what the body saves, and its output.
    Backward: dtable = dyᵀ f(...), to which the cotangents of the rows looked up are added in their places
    Raises:   as the embedding and the body.
    Source:   Press & Wolf, 2017, arXiv:1608.05859.
    """

    hands_on = ("body",)
    adds_up = ("embedding",)
    embedding: Embedding
    body: Layer

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        embedding_key, body_key = jax.random.split(key)
        embedding, _ = self.embedding.init(embedding_key, sequences_of(x))
        rows = output_like(self.embedding, embedding, (), sequences_of(x))
        body, state = self.body.init(body_key, with_sequences(x, rows))
        return {"embedding": embedding, "body": body}, state

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, LanguageModelResiduals]:
        hidden, state, body = self.hidden(params, state, x)
        y = hidden @ params["embedding"]["table"].T
        return y, state, LanguageModelResiduals(x, body, hidden)

    def backward(self, params: PyTree, residuals: LanguageModelResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        x, body, hidden = residuals
        table = params["embedding"]["table"]
        dhidden = (dy @ table).astype(hidden.dtype)
        dtable = total(self.embedding, Outer.of(dy, hidden, table.dtype))
        return self.backward_from_hidden(params, x, body, dhidden, dtable), _no_cotangent(x)

    def hidden(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PyTree]:
        """What the logits are made of, (B, T, D), the new state, and the residuals of the body."""
        rows, _, _ = self.embedding.forward(params["embedding"], (), sequences_of(x))
        hidden, state, body = self.body.forward(params["body"], state, with_sequences(x, rows))
        return sequences_of(hidden), state, body

    def backward_from_hidden(
        self, params: PyTree, x: PyTree, body: PyTree, dhidden: jax.Array, dtable: PyTree
    ) -> PyTree:
        """The cotangents of the parameters, given those of `hidden` and of the table as the last matrix."""
        dbody, drows = pull(self.body, params["body"], body, _like(x, dhidden))
        drows = None if drows is None else sequences_of(drows)
        return {
            "embedding": add_lookup(self.embedding, params["embedding"], dtable, sequences_of(x), drows),
            "body": dbody,
        }

    def in_parts(self) -> tuple[Part, ...]:
        return self.parts_under(TiedLogits(), alone=True)

    def parts_under(self, head: Layer, alone: bool = False) -> tuple[Part, ...]:
        lookup = TiedLookup(self.embedding, alone)
        return Part(lookup, "embedding"), Part(first(self.body), "body", ""), Part(head)


@dataclass(frozen=True)
class LanguageModelLoss(Layer):
    """The loss of a `LanguageModel`, whose logits are never formed: the objective of its training.

        y = loss(f(table[x]), target; table)

    Shapes:   (tokens, targets), or with weights, as `LinearCrossEntropy` takes them -> what it gives.
    Params, state: those of the model.
    Saves:    the tokens, what the body and the loss save.
    Backward: that of the loss, of the body, of the lookup, in this order
    Raises:   ValueError if the loss has a bias or another number of classes than the embedding has rows.
    """

    hands_on = ("layer",)
    adds_up = ("loss",)
    layer: LanguageModel
    loss: LinearCrossEntropy

    def __post_init__(self) -> None:
        require_tied_loss(self.loss, self.layer.embedding)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        require_components(self, x)
        return self.layer.init(key, x[0])

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, LanguageModelResiduals]:
        require_components(self, x)
        tokens, *others = x
        hidden, state, body = self.layer.hidden(params, state, tokens)
        y, _, head = self.loss.forward(params["embedding"], (), (hidden, *others))
        return y, state, LanguageModelResiduals(tokens, body, head)

    def backward(self, params: PyTree, residuals: LanguageModelResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        tokens, body, head = residuals
        dhead, dx = pull(self.loss, params["embedding"], head, dy)
        if dhead is None:
            return None, None
        dhidden, *others = dx
        dparams = self.layer.backward_from_hidden(params, tokens, body, dhidden, dhead["table"])
        return dparams, (_no_cotangent(tokens), *others)

    def in_parts(self) -> tuple[Part, ...]:
        return self.layer.parts_under(TiedLoss(self.loss))


def _like(x: PyTree, array: jax.Array) -> PyTree:
    """A cotangent in the form of x."""
    return array if sequences_of(x) is x else type(x)(array, None)


def _no_cotangent(x: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: None, x)
