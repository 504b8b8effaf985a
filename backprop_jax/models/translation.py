"""The transformer: an encoder reads a sentence, a decoder writes its translation."""

import dataclasses
from functools import lru_cache, partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from backprop_jax.combinators import chain, first, scan
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import eval_mode, rewrite
from backprop_jax.core.static import Template
from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.text.token_check import check_tokens
from backprop_jax.initializers import glorot_uniform, normal
from backprop_jax.layers import (
    CrossAttention,
    DotProductAttention,
    Dropout,
    Embedding,
    LayerNorm,
    Padded,
    ReLU,
    SinusoidalPositions,
)
from backprop_jax.layers.recurrent.padded import require_padded
from backprop_jax.models.beam_search import require_search, search, sequence_axes
from backprop_jax.models.decoder_blocks import (
    Remembered,
    SharedMemory,
    cross_attention_part,
    post_norm_decoder_block,
    pre_norm_decoder_block,
    with_what_is_kept,
)
from backprop_jax.models.encoder_decoder import EncoderDecoder
from backprop_jax.models.step_by_step import require_steps, step_by_step
from backprop_jax.models.steps_apart import BATCH, steps_apart
from backprop_jax.models.transformer_blocks import (
    Recompute,
    attention_part,
    feed_forward_part,
    post_norm_block,
    pre_norm_block,
)

__all__ = ["transformer", "translate"]


def transformer(
    vocabulary_size: int,
    source_vocabulary_size: int | None = None,
    features: int = 512,
    hidden: int = 2048,
    layers: int = 6,
    num_heads: int = 8,
    rate: float = 0.1,
    norm: Literal["post", "pre"] = "post",
    recompute: Recompute = "norms",
) -> EncoderDecoder:
    """The first transformer: from a sentence and the beginning of its translation, the next token of it.

    Its objective is `EncoderDecoderLoss(model, LinearCrossEntropy(vocabulary_size, label_smoothing=0.1,
    ignore_index=-1))`; `models.translate` writes with it. The defaults are those of the paper's base model.

    Shapes:   (source (B, S) integer, lengths (B,), inputs (B, T) integer) -> logits (B, T, V).
    State:    the keys of dropout.
    Units:    both languages share one vocabulary and one table, unless `source_vocabulary_size` is given. `rate` is the
              fraction that dropout removes: of the embeddings and of each part's output. `norm` says whether a norm
              follows each sum ("post", as in the paper) or begins each part ("pre", with one more at the end).
              `recompute` is as in `gpt`.
    Raises:   ValueError if the features cannot be divided among the heads, norm is of another kind, or as the layers
              for their sizes.
    Source:   Vaswani et al., 2017, arXiv:1706.03762, figure 1 and sections 3 and 5.4.
    """
    if norm not in ("post", "pre"):
        raise ValueError(f"transformer needs a norm of 'post' or 'pre', not {norm!r}")
    within, init = LayerNorm(1e-5) if norm == "pre" else None, glorot_uniform()
    options = {"rate": rate, "norm": within, "kernel_init": init, "out_init": init}
    attention = partial(attention_part, features, num_heads, **options)
    feed_forward = feed_forward_part(features, hidden, activation=ReLU(), recompute=recompute, **options)
    cross = cross_attention_part(features, num_heads, **options)
    encoder_block, decoder_block = (
        (post_norm_block, post_norm_decoder_block) if norm == "post" else (pre_norm_block, pre_norm_decoder_block)
    )
    encoder = encoder_block(attention(), feed_forward, recompute=recompute)
    writing = attention(attention=DotProductAttention(causal=True))
    decoder = decoder_block(writing, cross, feed_forward, recompute=recompute)
    last = {} if within is None else {"norm": first(within)}

    def body(block: Layer) -> Layer:
        positions = {"positions": first(SinusoidalPositions()), "dropout": first(Dropout(rate))}
        return chain(**positions, blocks=scan(block, layers), **last)

    table = partial(Embedding, features=features, embedding_init=normal(features**-0.5))
    source_table = None if source_vocabulary_size is None else table(source_vocabulary_size)
    return EncoderDecoder(table(vocabulary_size), body(encoder), body(decoder), source_table)


def translate(
    model: EncoderDecoder,
    params: PyTree,
    sources: ArrayLike,
    lengths: ArrayLike | None,
    steps: int,
    begin: int,
    end: int | None,
    beams: int = 1,
    length_penalty: float = 0.6,
) -> tuple[jax.Array, jax.Array]:
    """The most likely translations, found as in `beam_search`; one beam takes the most likely token every time.

    The encoder reads the sources once, and keys and values of what it made are made once, for all beams. `begin` is the
    token before the first, `end` the one behind the last; without one, None, all steps are written.

    Shapes:   sources (B, S) integer, lengths as in `Padded`, or None: all steps are real -> tokens (B, steps) int32,
              `end` behind the end too, and their scores (B,) float32.
    Raises:   ValueError if the sources are no (B, S), have an unknown token or the lengths do not fit, steps or beams
              is not 1 or more, the penalty is negative, begin or end is not in the vocabulary, or the decoder is none
              that writes step by step, as in `generate`; TypeError if the sources are not of integers.
    """
    require_steps("translate", steps)
    size = model.embedding.num_embeddings
    require_search("translate", beams, length_penalty, end, size)
    if whole_number(begin, least=0) is None or begin >= size:
        raise ValueError(f"translate needs a begin token of 0 to {size - 1}, not {begin!r}")
    if np.ndim(sources) != 2:
        raise ValueError(f"translate needs sources (B, S), not {list(np.shape(sources))}")
    tokens = check_tokens(np.asarray(sources), (model.source_embedding or model.embedding).num_embeddings)
    source = Padded(
        jnp.asarray(tokens), jnp.asarray(np.full(len(tokens), tokens.shape[1]) if lengths is None else lengths)
    )
    require_padded(model, source)
    encoder, decoder = eval_mode(model.encoder), step_by_step("translate", model.decoder, steps)
    keeping, recalling = (
        dataclasses.replace(model, encoder=encoder, decoder=rewrite(decoder, partial(_with_memory, mode)))
        for mode in ("keep", "recall")
    )
    _require_steps_apart(keeping, Template.of(params))
    return _translate(keeping, recalling, steps, begin, end, beams, params, source, length_penalty)


@lru_cache(maxsize=16)
def _require_steps_apart(model: EncoderDecoder, params: Template) -> None:
    """ValueError, or once for a model nothing, if a layer of the decoder looks at other steps and remembers none."""
    apart = dataclasses.replace(model, decoder=steps_apart("translate", model.decoder))

    def one_step(params: PyTree) -> jax.Array:
        source = Padded(jnp.zeros((BATCH, 2), jnp.int32), jnp.full(BATCH, 2))
        token = jnp.zeros((BATCH, 1), jnp.int32)
        _, state = model.init(jax.random.key(0), (*source, token))
        memory, _, _ = model.encode(params, state["encoder"], *source)
        return apart.decode(params, state["decoder"], token, memory)[0]

    jax.eval_shape(one_step, params.tree)


def _with_memory(mode: Literal["keep", "recall"], layer: Layer) -> Layer:
    if isinstance(layer, CrossAttention):
        return SharedMemory(layer)
    return dataclasses.replace(layer, mode=mode) if isinstance(layer, Remembered) else layer


@partial(jax.jit, static_argnums=(0, 1, 2, 3, 4, 5))
def _translate(
    first_model: EncoderDecoder,
    next_model: EncoderDecoder,
    steps: int,
    begin: int,
    end: int | None,
    beams: int,
    params: PyTree,
    source: Padded,
    length_penalty: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    def new_state(sources: int, sequences: int) -> PyTree:
        # `init` draws parameters too, which nobody looks at.
        like = jnp.zeros((sources, source.x.shape[1]), jnp.int32), jnp.zeros(sources, jnp.int32)
        return first_model.init(jax.random.key(0), (*like, jnp.zeros((sequences, 1), jnp.int32)))[1]

    def step(state: PyTree, tokens: jax.Array) -> tuple[jax.Array, PyTree]:
        hidden, new, _ = next_model.decode(params, state, tokens[:, None], memory)
        return next_model.logits(params, hidden[:, -1]), with_what_is_kept(new, state)

    state = new_state(len(source.x), len(source.x))
    memory, _, _ = first_model.encode(params, state["encoder"], *source)
    begins = jnp.full((len(source.x), 1), begin, jnp.int32)
    hidden, state, _ = first_model.decode(params, state["decoder"], begins, memory)
    axes = sequence_axes(lambda sequences: new_state(1, sequences)["decoder"])  # of one memory: it is there once
    return search(step, first_model.logits(params, hidden[:, -1]), state, axes, steps, beams, end, length_penalty)
