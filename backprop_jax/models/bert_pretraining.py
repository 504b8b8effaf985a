"""BERT with the heads that it is pre-trained with: what word is hidden, does the second text follow?"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.combinators import chain, first
from backprop_jax.core.checks import require_components
from backprop_jax.core.cotangents import add, cast_like, pull
from backprop_jax.core.layer import Layer, PyTree, output_like
from backprop_jax.core.parts import Part
from backprop_jax.core.static import Static
from backprop_jax.data.text.pretraining.masking import HiddenWords
from backprop_jax.initializers import normal
from backprop_jax.layers import GELU, Dense, Embedding, LayerNorm
from backprop_jax.layers.example_gradients import Outer, Rows
from backprop_jax.losses import CrossEntropy, LinearCrossEntropy
from backprop_jax.models.bert import EPS, Bert, TypesTold, pooler
from backprop_jax.models.bert_parts import BertInput, StepsAt
from backprop_jax.models.tied_parts import TiedLookup, array_of, no_cotangent_but
from backprop_jax.models.tied_table import given, total

__all__ = ["BertPreTraining", "BertPreTrainingLoss", "PreTrainingOutput", "bert_pretraining"]


HEADS_WITH_STATE = ("words", "pooler", "follows")
HEADS = (*HEADS_WITH_STATE, "b")


class PreTrainingOutput(NamedTuple):
    words: jax.Array  # (B, T, V) logits
    follows: jax.Array  # (B, 2) logits; 0: the second text follows the first, 1: it is a random one


class HeadResiduals(NamedTuple):
    bert: PyTree
    places: PyTree  # None if words are told at all steps
    words: PyTree
    pooler: PyTree
    follows: PyTree


class OutputResiduals(NamedTuple):
    heads: HeadResiduals
    features: jax.Array


class LossResiduals(NamedTuple):
    heads: HeadResiduals
    words: PyTree
    follows: PyTree


@dataclass(frozen=True)
class BertPreTraining(Layer):
    """BERT, and logits of the word at each step and of whether the second text follows the first.

        words = g(y) tableᵀ + b,   follows = h(y_0),   y = bert(x)

    with g a dense layer, GELU and a norm, and h a dense layer, tanh and a dense layer. The table is the embedding's.

    Shapes:   `BertInput(tokens, token_types, lengths)` -> `PreTrainingOutput(words (B, T, V), follows (B, 2))`.
    Params:   a dict: those of "bert", "words" (g), "b" (V,), "pooler" and "follows" (h).   State: that of bert.
    Saves:    what the parts save, and g(y).
    Backward: dtable = dwordsᵀ g(y), to which the cotangents of the rows looked up are added;   db = Σ dwords;
              dy = g'ᵀ (dwords table) + h'ᵀ dfollows
    Raises:   as bert.
    Source:   Devlin et al., 2019, arXiv:1810.04805, section 3.1.
    """

    hands_on = ("bert", "words", "pooler", "follows")
    bert: Bert
    words: Layer
    pooler: Layer
    follows: Layer

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        bert_key, words_key, pooler_key, follows_key = jax.random.split(key, 4)
        bert = self.bert.init(bert_key, x)
        y = output_like(self.bert, *bert, x)
        words, pooler = self.words.init(words_key, y), self.pooler.init(pooler_key, y)
        follows = self.follows.init(follows_key, output_like(self.pooler, *pooler, y))
        params, state = (
            dict(zip(("bert", "words", "pooler", "follows"), parts, strict=True))
            for parts in zip(bert, words, pooler, follows, strict=True)
        )
        table = params["bert"]["embedding"]["table"]
        return params | {"b": jnp.zeros(len(table), table.dtype)}, state

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PreTrainingOutput, PyTree, OutputResiduals]:
        features, follows, state, heads = self.heads(params, state, x)
        words = features @ params["bert"]["embedding"]["table"].T + params["b"]
        return PreTrainingOutput(words, follows), state, OutputResiduals(heads, features)

    def backward(self, params: PyTree, residuals: OutputResiduals, dy: PreTrainingOutput) -> tuple[PyTree, BertInput]:
        (heads, features), (dwords, dfollows) = residuals, dy
        dfeatures = dtied = None
        if dwords is not None:
            dfeatures = (dwords @ params["bert"]["embedding"]["table"]).astype(features.dtype)
            dtable = Outer.of(dwords, features, params["bert"]["embedding"]["table"].dtype)
            dtied = total(self.bert.embedding, {"table": dtable, "b": Rows.of(dwords, params["b"].dtype)})
        return self.backward_from_heads(params, heads, dfeatures, dtied, dfollows), BertInput(None, None, None)

    def heads(
        self, params: PyTree, state: PyTree, x: PyTree, places: jax.Array | None = None
    ) -> tuple[jax.Array, jax.Array, PyTree, HeadResiduals]:
        """What the words' logits are made of, at all steps (B, T, D) or these places (B, P, D), the others', the new
        state, and the residuals.
        """
        new, residuals = {}, {"places": None}

        def run(name: str, layer: Layer, x: PyTree) -> jax.Array:
            y, new[name], residuals[name] = layer.forward(params[name], state[name], x)
            return y

        y = told = run("bert", self.bert, x)
        if places is not None:
            told, _, residuals["places"] = StepsAt().forward((), (), (y, places))
        features = run("words", self.words, told)
        follows = run("follows", self.follows, run("pooler", self.pooler, y))
        return features, follows, {name: new[name] for name in state}, HeadResiduals(**residuals)

    def backward_from_heads(
        self, params: PyTree, residuals: HeadResiduals, dfeatures: PyTree, dtied: PyTree, dfollows: PyTree
    ) -> PyTree:
        """The cotangents of the parameters, given those of the words' features, table and bias, and of `follows`."""
        dfollowing, dpooled = pull(self.follows, params["follows"], residuals.follows, dfollows)
        dpooling, dy = pull(self.pooler, params["pooler"], residuals.pooler, dpooled)
        dwords, dy_of_words = pull(self.words, params["words"], residuals.words, dfeatures)
        if residuals.places is not None and dy_of_words is not None:
            _, (dy_of_words, _) = StepsAt().backward((), residuals.places, dy_of_words)
        dtied = dtied or {"table": None, "b": None}
        dbert = self.bert.backward_onto(params["bert"], residuals.bert, add(dy, dy_of_words), dtied["table"])
        return {
            "bert": dbert,
            "words": dwords,
            "b": cast_like(dtied["b"], params["b"]),
            "pooler": dpooling,
            "follows": dfollowing,
        }

    def in_parts(self) -> tuple[Part, ...]:
        heads = Part(Heads(replace(self, bert=Given(self.bert.embedding))), HEADS, HEADS_WITH_STATE)
        return Part(TypesTold(self.bert)), *self.parts_of_bert(alone=True), heads

    def parts_of_bert(self, alone: bool = False) -> tuple[Part, ...]:
        lookup = Part(TiedLookup(self.bert.embedding, alone), "bert/embedding")
        return lookup, Part(first(self.bert.body), "bert/body", "bert")


def bert_pretraining(encoder: Bert) -> BertPreTraining:
    """The model that pre-trains this encoder.

    Its objective is `BertPreTrainingLoss(model, LinearCrossEntropy(V, use_bias=True, ignore_index=-1))`.
    """
    features, init = encoder.embedding.features, normal(0.02)
    words = chain(dense=Dense(features, kernel_init=init), act=GELU(approximate=False), norm=LayerNorm(EPS))
    return BertPreTraining(encoder, words, pooler(features), Dense(2, kernel_init=init))


@dataclass(frozen=True)
class BertPreTrainingLoss(Layer):
    """The loss of a `BertPreTraining`, the words' logits never formed: the objective of its training.

        y = words(g(y), target; table, b) + follows(h(y_0), label)

    With `HiddenWords`, which `mask_tokens` gives, g and the table work at the places of hidden words alone.

    Shapes:   (`BertInput`, target (B, T) integer or `HiddenWords(places (B, P), words (B, P))`, label (B,) integer)
              -> y (). A word that is the loss's ignore_index does not count; if that is None each one counts.
    Params, state: those of the model.
    Saves:    what the model's parts and the losses save.
    Backward: of the losses, of the heads, of bert
    Raises:   TypeError if the model is none of `bert_pretraining`; ValueError if the words' loss has no bias or tells
              the accuracy too, or the reduction of a loss is "none"; as the model and the losses.
    Source:   Devlin et al., 2019, arXiv:1810.04805, appendix A.2.
    """

    hands_on = ("layer",)
    adds_up = ("loss",)
    layer: BertPreTraining
    loss: LinearCrossEntropy
    follows: CrossEntropy = CrossEntropy()

    def __post_init__(self) -> None:
        if not isinstance(self.layer, BertPreTraining):
            raise TypeError(f"BertPreTrainingLoss needs what models.bert_pretraining makes, not {self.layer!r}")
        words = given(self.loss, LinearCrossEntropy)
        if not words.use_bias or words.accuracy:
            raise ValueError(f"BertPreTrainingLoss needs a loss with use_bias and without accuracy, not {words}")
        for loss in (words, self.follows):
            if loss.reduction == "none":
                raise ValueError(f"BertPreTrainingLoss adds two numbers: it needs the mean or the sum, not {loss}")

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        require_components(self, x, 3)
        return self.layer.init(key, x[0])

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, LossResiduals]:
        require_components(self, x, 3)
        inputs, target, label = x
        places, target = target if isinstance(target, HiddenWords) else (None, target)
        features, logits, state, heads = self.layer.heads(params, state, inputs, places)
        loss_of_words, _, words = self.loss.forward(_tied(params), (), (features, target))
        loss_of_follows, _, follows = self.follows.forward((), (), (logits, label))
        return loss_of_words + loss_of_follows, state, LossResiduals(heads, words, follows)

    def backward(self, params: PyTree, residuals: LossResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        _, (dlogits, _) = self.follows.backward((), residuals.follows, dy)
        dtied, (dfeatures, _) = self.loss.backward(_tied(params), residuals.words, dy)
        dparams = self.layer.backward_from_heads(params, residuals.heads, dfeatures, dtied, dlogits)
        return dparams, (BertInput(None, None, None), None, None)

    def in_parts(self) -> tuple[Part, ...]:
        given = replace(self, layer=replace(self.layer, bert=Given(self.layer.bert.embedding)))
        told = Part(first(TypesTold(self.layer.bert)))
        return told, *self.layer.parts_of_bert(), Part(Heads(given), HEADS, HEADS_WITH_STATE)


@dataclass(frozen=True)
class Given(Layer):
    """In the place of a `Bert` whose output is there already: that is the input, and the table all its parameters."""

    embedding: Embedding

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        return x, state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        raise NotImplementedError("a Given is asked for backward_onto alone")

    def backward_onto(self, params: PyTree, residuals: PyTree, dy: PyTree, dtable: PyTree) -> PyTree:
        return dy, dtable


@dataclass(frozen=True)
class Heads(Layer):
    """All of a pre-training but the encoder.

    Shapes:   (x, table, *others), x being what the encoder gives -> what the layer gives of x and others.
    Params, state: those of the layer, but the encoder's.   Saves: what the layer saves, and the table.
    Backward: that of the layer
    """

    layer: Layer  # a `BertPreTraining` on `Given`, or the loss of one

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        x, table, *others = x
        inputs = (array_of(x), *others) if others else array_of(x)
        y, state, residuals = self.layer.forward(_with_table(params, table), state | {"bert": ()}, inputs)
        state = {name: state[name] for name in HEADS_WITH_STATE}
        return y, state, (residuals, table, Static((jax.tree.structure(x), len(others))))

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        residuals, table, static = residuals
        structure, others = static.value
        dparams, _ = self.layer.backward(_with_table(params, table), residuals, dy)
        dx, dtable = dparams["bert"]
        dx = None if dx is None else no_cotangent_but(Static(structure), dx)
        return {name: dparams[name] for name in HEADS}, (dx, dtable, *[None] * others)


def _with_table(params: PyTree, table: jax.Array) -> PyTree:
    return params | {"bert": {"embedding": {"table": table}}}


def _tied(params: PyTree) -> PyTree:
    return {"table": params["bert"]["embedding"]["table"], "b": params["b"]}
