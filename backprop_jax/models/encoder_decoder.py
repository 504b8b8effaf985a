"""A model that reads one sequence and writes another, whose first and last matrices are one."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from backprop_jax.combinators import first
from backprop_jax.core.checks import require_components
from backprop_jax.core.cotangents import pull
from backprop_jax.core.layer import Layer, PyTree, output_like
from backprop_jax.core.parts import Part
from backprop_jax.core.static import Static
from backprop_jax.layers import Embedding, Padded
from backprop_jax.layers.example_gradients import Outer
from backprop_jax.losses import LinearCrossEntropy
from backprop_jax.models.tied_parts import TiedLogits, TiedLoss
from backprop_jax.models.tied_table import add_lookup, given, require_tied_loss, total

__all__ = ["EncoderDecoder", "EncoderDecoderLoss"]


class BodyResiduals(NamedTuple):
    source: jax.Array
    encoder: PyTree
    inputs: jax.Array
    decoder: PyTree


class EncoderDecoderResiduals(NamedTuple):
    body: BodyResiduals
    head: PyTree


@dataclass(frozen=True)
class EncoderDecoder(Layer):
    """An encoder of a source, a decoder that looks at what it made, and logits by the table of the decoder's inputs.

        memory = f(√D source_table[source]),   hidden = g(√D table[inputs], memory),   y = hidden tableᵀ

    The source is looked up in the same table, unless `source_embedding` is given.

    Shapes:   (source (B, S) integer, lengths of it as in `Padded`, inputs (B, T) integer) -> logits (B, T, V).
    Params:   a dict: those of "embedding", of "source_embedding" if there is one, of "encoder" and "decoder".
    State:    a dict: those of "encoder" and "decoder".
    Saves:    the tokens, what encoder and decoder save, and the output of the decoder.
    Backward: dtable = dyᵀ hidden, to which the cotangents of the rows looked up, times √D, are added in their places
    Raises:   ValueError if the input has not three parts, and as the parts.
    Source:   Vaswani et al., 2017, arXiv:1706.03762, sections 3.1 and 3.4.
    """

    hands_on = ("encoder", "decoder")
    adds_up = ("embedding", "source_embedding")
    embedding: Embedding
    encoder: Layer  # of Padded sequences
    decoder: Layer  # of (sequences, memory), which gives both
    source_embedding: Embedding | None = None

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        require_components(self, x, 3)
        source, lengths, inputs = x
        keys = jax.random.split(key, 4)
        params = {"embedding": self.embedding.init(keys[0], inputs)[0]}
        if self.source_embedding is not None:
            params["source_embedding"] = self.source_embedding.init(keys[1], source)[0]
        shapes = [
            output_like(self.embedding, params["embedding"], (), inputs),
            output_like(self.source_embedding or self.embedding, params[self._source_name], (), source),
        ]
        params["encoder"], encoder = self.encoder.init(keys[2], Padded(shapes[1], lengths))
        memory = output_like(self.encoder, params["encoder"], encoder, Padded(shapes[1], lengths))
        params["decoder"], decoder = self.decoder.init(keys[3], (shapes[0], memory))
        return params, {"encoder": encoder, "decoder": decoder}

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, EncoderDecoderResiduals]:
        hidden, state, body = self.hidden(params, state, x)
        return self.logits(params, hidden), state, EncoderDecoderResiduals(body, hidden)

    def backward(self, params: PyTree, residuals: EncoderDecoderResiduals, dy: jax.Array) -> tuple[PyTree, PyTree]:
        # forward: y = hidden tableᵀ   so: dhidden = dy table, dtable = dyᵀ hidden
        hidden, table = residuals.head, params["embedding"]["table"]
        dhidden = (dy @ table).astype(hidden.dtype)
        dtable = total(self.embedding, Outer.of(dy, hidden, table.dtype))
        dparams = self.backward_from_hidden(params, residuals.body, dhidden, dtable)
        return dparams, (None, None, None)

    def hidden(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[jax.Array, PyTree, BodyResiduals]:
        """What the logits are made of, (B, T, D), the new state, and what `backward_from_hidden` needs."""
        require_components(self, x, 3)
        source, lengths, inputs = x
        memory, encoder_state, encoder = self.encode(params, state["encoder"], source, lengths)
        hidden, decoder_state, decoder = self.decode(params, state["decoder"], inputs, memory)
        state = {"encoder": encoder_state, "decoder": decoder_state}
        return hidden, state, BodyResiduals(source, encoder, inputs, decoder)

    def backward_from_hidden(self, params: PyTree, body: BodyResiduals, dhidden: jax.Array, dtable: PyTree) -> PyTree:
        """The cotangents of the parameters, given those of `hidden` and of the table as the last matrix."""
        ddecoder, dx = pull(self.decoder, params["decoder"], body.decoder, (dhidden, None))
        drows, dmemory = (None, None) if dx is None else dx
        dencoder, dsource = pull(self.encoder, params["encoder"], body.encoder, dmemory)
        dlookups = self.backward_of_lookups(params, body.source, body.inputs, dsource, drows, dtable)
        return {"encoder": dencoder, "decoder": ddecoder, **dlookups}

    def lookups(
        self, params: PyTree, source: jax.Array, lengths: jax.Array | None, inputs: jax.Array
    ) -> tuple[Padded, jax.Array]:
        """What the encoder and the decoder read."""
        source_rows = self._scale * self._source_rows(params, source)
        return Padded(source_rows, lengths), self._scale * self._rows(params, inputs)

    def backward_of_lookups(
        self,
        params: PyTree,
        source: jax.Array,
        inputs: jax.Array,
        dsource: Padded | None,
        drows: jax.Array | None,
        dtable: PyTree,
    ) -> PyTree:
        """The cotangents of the embeddings, given that of the table as the last matrix."""
        dtable = add_lookup(self.embedding, params["embedding"], dtable, inputs, self._scaled(drows))["table"]
        dsource_table = add_lookup(
            self.source_embedding or self.embedding,
            params[self._source_name],
            dtable if self.source_embedding is None else None,
            source,
            None if dsource is None else self._scaled(dsource.x),
        )
        return {"embedding": {"table": dtable}, self._source_name: dsource_table}

    def encode(
        self, params: PyTree, state: PyTree, source: jax.Array, lengths: jax.Array | None
    ) -> tuple[Padded, PyTree, PyTree]:
        """The memory of a source, the new state and the residuals of the encoder."""
        rows = self._source_rows(params, source)
        return self.encoder.forward(params["encoder"], state, Padded(self._scale * rows, lengths))

    def decode(
        self, params: PyTree, state: PyTree, inputs: jax.Array, memory: Padded
    ) -> tuple[jax.Array, PyTree, PyTree]:
        """`hidden` of the inputs, the new state and the residuals of the decoder."""
        rows = self._rows(params, inputs)
        (hidden, _), state, residuals = self.decoder.forward(params["decoder"], state, (self._scale * rows, memory))
        return hidden, state, residuals

    def logits(self, params: PyTree, hidden: jax.Array) -> jax.Array:
        return hidden @ params["embedding"]["table"].T

    def in_parts(self) -> tuple[Part, ...]:
        return self.parts_under(TiedLogits())

    def parts_under(self, head: Layer) -> tuple[Part, ...]:
        tables = tuple(dict.fromkeys(("embedding", self._source_name)))
        return (
            Part(TiedLookups(self), tables),
            Part(first(self.encoder), "encoder", "encoder"),
            Part(ToDecoder()),
            Part(first(self.decoder), "decoder", "decoder"),
            Part(head),
        )

    def _rows(self, params: PyTree, inputs: jax.Array) -> jax.Array:
        return self.embedding.forward(params["embedding"], (), inputs)[0]

    def _source_rows(self, params: PyTree, source: jax.Array) -> jax.Array:
        return (self.source_embedding or self.embedding).forward(params[self._source_name], (), source)[0]

    @property
    def _source_name(self) -> str:
        return "embedding" if self.source_embedding is None else "source_embedding"

    @property
    def _scale(self) -> float:
        return given(self.embedding, Embedding).features ** 0.5

    def _scaled(self, rows: jax.Array | None) -> jax.Array | None:
        if rows is None:
            return None
        return self._scale * rows.astype(jnp.promote_types(rows.dtype, jnp.float32))


@dataclass(frozen=True)
class EncoderDecoderLoss(Layer):
    """The loss of an `EncoderDecoder`, whose logits are never formed: the objective of its training.

        y = loss(hidden, target; table)

    Shapes:   (source, lengths, inputs, targets), which is what `translation_batches` gives, or with weights of the
              targets -> what `LinearCrossEntropy` gives.
    Params, state: those of the model.
    Saves:    the tokens, what encoder, decoder and loss save.
    Backward: that of the loss, of the decoder, of the encoder, of the lookups, in this order
    Raises:   ValueError if the loss has a bias or another number of classes than the embedding has rows.
    """

    hands_on = ("layer",)
    adds_up = ("loss",)
    layer: EncoderDecoder
    loss: LinearCrossEntropy

    def __post_init__(self) -> None:
        require_tied_loss(self.loss, self.layer.embedding)

    def init(self, key: jax.Array, x: PyTree) -> tuple[PyTree, PyTree]:
        require_components(self, x)
        return self.layer.init(key, tuple(x[:3]))

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, EncoderDecoderResiduals]:
        require_components(self, x)
        hidden, state, body = self.layer.hidden(params, state, tuple(x[:3]))
        y, _, head = self.loss.forward(params["embedding"], (), (hidden, *x[3:]))
        return y, state, EncoderDecoderResiduals(body, (head, Static(jax.tree.structure(x))))

    def backward(self, params: PyTree, residuals: EncoderDecoderResiduals, dy: PyTree) -> tuple[PyTree, PyTree]:
        head, structure = residuals.head
        dhead, dx = pull(self.loss, params["embedding"], head, dy)
        if dhead is None:
            return None, None
        dhidden, *_ = dx
        dparams = self.layer.backward_from_hidden(params, residuals.body, dhidden, dhead["table"])
        return dparams, structure.value.unflatten([None] * structure.value.num_leaves)

    def in_parts(self) -> tuple[Part, ...]:
        return self.layer.parts_under(TiedLoss(self.loss))


@dataclass(frozen=True)
class TiedLookups(Layer):
    """The lookups of an `EncoderDecoder`, and the table of its logits.

    Shapes:   (source, lengths, inputs, *others) -> (what the encoder reads, what the decoder reads, table, *others).
    Params:   a dict: those of "embedding", and of "source_embedding" if there is one.   Saves: the tokens.
    Backward: dtable = that of the table that went along, to which those of the rows are added in their places
    """

    model: EncoderDecoder

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        source, lengths, inputs, *others = x
        read = self.model.lookups(params, source, lengths, inputs)
        return (*read, params["embedding"]["table"], *others), state, (source, inputs, Static(len(x)))

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        (source, inputs, width), (dsource, drows, dtable, *_) = residuals, dy
        dparams = self.model.backward_of_lookups(params, source, inputs, dsource, drows, dtable)
        return dparams, (None,) * width.value


@dataclass(frozen=True)
class ToDecoder(Layer):
    """(memory, x, *others) -> ((x, memory), *others)."""

    def forward(self, params: PyTree, state: PyTree, x: PyTree) -> tuple[PyTree, PyTree, PyTree]:
        memory, rows, *others = x
        return ((rows, memory), *others), state, ()

    def backward(self, params: PyTree, residuals: PyTree, dy: PyTree) -> tuple[PyTree, PyTree]:
        (drows, dmemory), *dothers = dy
        return (), (dmemory, drows, *dothers)
