"""The encoder-only transformer."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax

from backprop_jax.combinators import chain, first, scan
from backprop_jax.combinators.chain import Chain
from backprop_jax.core.cotangents import pull
from backprop_jax.core.layer import Layer, PyTree, output_like
from backprop_jax.core.parts import Part
from backprop_jax.core.static import Static
from backprop_jax.initializers import normal
from backprop_jax.layers import (
    GELU,
    Dense,
    DotProductAttention,
    Dropout,
    Embedding,
    LayerNorm,
    Padded,
    PositionEmbedding,
    Tanh,
)
from backprop_jax.layers.attention.sequences import sequences_of
from backprop_jax.models.bert_parts import BertInput, FirstStep, TokenTypes, require_input
from backprop_jax.models.tied_parts import array_of, no_cotangent_but
from backprop_jax.models.tied_table import add_lookup
from backprop_jax.models.transformer_blocks import Recompute, attention_part, feed_forward_part, post_norm_block

__all__ = ["Bert", "BertResiduals", "bert", "bert_classifier", "pooler"]

EPS = 1e-12


class BertResiduals(NamedTuple):
    tokens: jax.Array
    padded: Static  # whether there are lengths
    body: PyTree


@dataclass(frozen=True)
class Bert(Layer):
    """An embedding and a body, which together say of each step what stands around it.

        y = f(table[tokens], types)

    Shapes:   `BertInput(tokens, token_types, lengths)` -> y (B, T, D). What stands behind a sequence's length changes
              nothing before it.
    Params:   a dict: those of "embedding" and of "body".   State: that of the body.
    Saves:    the tokens, and what the body saves.
    Backward: of the body, then dtable[v] = Σ drows over the places of v
    Raises:   ValueError if the parts of the input do not fit one another; as the embedding and the body.
    """

    hands_on = ("body",)
    adds_up = ("embedding",)
    embedding: Embedding
    body: Layer

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        tokens, *others = jax.eval_shape(partial(require_input, self), x)
        embedding_key, body_key = jax.random.split(key)
        embedding, _ = self.embedding.init(embedding_key, tokens)
        rows = output_like(self.embedding, embedding, (), tokens)
        body, state = self.body.init(body_key, BertInput(rows, *others))
        return {"embedding": embedding, "body": body}, state

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, BertResiduals]:
        tokens, *others = require_input(self, x)
        rows, _, _ = self.embedding.forward(params["embedding"], (), tokens)
        y, state, body = self.body.forward(params["body"], state, BertInput(rows, *others))
        return sequences_of(y), state, BertResiduals(tokens, Static(isinstance(y, Padded)), body)

    def backward(self, params: PyTree, residuals: BertResiduals, dy: jax.Array) -> tuple[PyTree, BertInput]:
        return self.backward_onto(params, residuals, dy, None), BertInput(None, None, None)

    def backward_onto(self, params: PyTree, residuals: BertResiduals, dy: PyTree, dtable: PyTree) -> PyTree:
        """The cotangents of the parameters, given that of the table by what else uses it."""
        dpadded = Padded(dy, None) if residuals.padded.value else dy
        dbody, dx = pull(self.body, params["body"], residuals.body, dpadded)
        drows = None if dx is None else dx.tokens
        dembedding = add_lookup(self.embedding, params["embedding"], dtable, residuals.tokens, drows)
        return {"embedding": dembedding, "body": dbody}

    def in_parts(self) -> tuple[Part, ...]:
        rows = Part(first(self.embedding), "embedding")
        return Part(TypesTold(self)), rows, Part(self.body, "body", ""), Part(WithoutLengths())


@dataclass(frozen=True)
class TypesTold(Layer):
    """`BertInput`, with its types if there are none."""

    bert: Bert

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[BertInput, PyTree, PyTree]:
        return require_input(self.bert, x), state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        return (), BertInput(None, None, None)


@dataclass(frozen=True)
class WithoutLengths(Layer):
    """The array of `Padded`; an array itself."""

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, PyTree]:
        return array_of(x), state, Static(jax.tree.structure(x))

    def backward(self, params: PyTree, residuals: Static, dy: jax.Array) -> tuple[PyTree, PyTree]:
        return (), no_cotangent_but(residuals, dy)


def bert(
    vocabulary_size: int,
    length: int = 512,
    features: int = 768,
    layers: int = 12,
    num_heads: int = 12,
    hidden: int | None = None,
    token_types: int = 2,
    rate: float = 0.0,
    recompute: Recompute = "norms",
) -> Bert:
    """What stands around each step, from both sides: BERT of any size, without a head; the defaults are its base's.

    Shapes:   `BertInput(tokens, token_types, lengths)`, T at most `length` -> (B, T, features).
    Params:   "embedding", "body": "types", "positions", "norm", and "layers", the blocks', stacked.
    State:    the keys of dropout.
    Units:    `hidden` features are in a feed-forward part, 4 times as many as outside if None. `rate` is the fraction
              that dropout removes: of the embeddings, the attention and each part's output. `recompute` says what
              backward computes again: "none", "norms" (activations: these blocks' norms stand where their inputs are
              saved anyway), "block" (all in a block but its input).
    Raises:   ValueError if the features cannot be divided among the heads, or as the layers for their sizes.
    Source:   Devlin et al., 2019, arXiv:1810.04805.
    """
    wide = 4 * features if hidden is None else hidden
    block = post_norm_block(
        attention_part(features, num_heads, attention=DotProductAttention(rate=rate), rate=rate),
        feed_forward_part(features, wide, activation=GELU(approximate=False), rate=rate, recompute=recompute),
        EPS,
        recompute,
    )
    return Bert(
        Embedding(vocabulary_size, features, normal(0.02)),
        chain(
            types=TokenTypes(token_types),
            positions=PositionEmbedding(length),
            norm=first(LayerNorm(EPS)),
            drop=first(Dropout(rate)),
            layers=scan(block, layers),
        ),
    )


def bert_classifier(encoder: Bert, classes: int = 2, rate: float = 0.0) -> Chain:
    """One class for each text, or pair of texts, by what the encoder says of its first step.

    Its objective is `supervised(model, CrossEntropy())`. To fine-tune what was pre-trained, put the "bert" and "pooler"
    of a `BertPreTraining`'s parameters in the place of these.

    Shapes:   `BertInput(tokens, token_types, lengths)` -> logits (B, classes).
    Params:   a dict, "bert", "pooler", "classifier", and an empty one.   State: the keys of dropout.
    Units:    `rate` is the fraction of the pooled features that dropout removes.
    Source:   Devlin et al., 2019, arXiv:1810.04805, section 4.1.
    """
    features = encoder.embedding.features
    return chain(
        bert=encoder,
        pooler=pooler(features),
        drop=Dropout(rate),
        classifier=Dense(classes, kernel_init=normal(0.02)),
    )


def pooler(features: int) -> Chain:
    """The first step through a dense layer and tanh."""
    return chain(first=FirstStep(), dense=Dense(features, kernel_init=normal(0.02)), tanh=Tanh())
