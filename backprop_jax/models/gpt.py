"""The decoder-only transformer."""

from backprop_jax.combinators import chain, first, scan
from backprop_jax.initializers import normal
from backprop_jax.layers import DotProductAttention, Dropout, Embedding, LayerNorm, PositionEmbedding
from backprop_jax.models.language_model import LanguageModel
from backprop_jax.models.transformer_blocks import Recompute, attention_part, feed_forward_part, pre_norm_block

__all__ = ["gpt"]


def gpt(
    vocabulary_size: int,
    length: int = 1024,
    features: int = 768,
    layers: int = 12,
    num_heads: int = 12,
    rate: float = 0.0,
    recompute: Recompute = "norms",
) -> LanguageModel:
    """The next token by all before it: GPT-2, of any size; the defaults are those of its smallest, 124 M numbers.

    Its objective is `LanguageModelLoss(model, LinearCrossEntropy(vocabulary_size))`; `models.generate` writes with it.

    Shapes:   tokens (B, T) integer, T at most `length`, or `Packed(tokens, segments)` -> logits (B, T, V).
    Params:   names are those of GPT-2, the blocks' stacked: "embedding" (wte), "body": "wpe", "h", "ln_f".
    State:    the keys of dropout.
    Units:    `rate` is the fraction that dropout removes: of the embeddings, the attention and each part's output.
              `recompute` says what backward computes again: "none" (of its own accord a chain does so with norms),
              "norms" (activations too), "block" (all in a block but its input).
    Raises:   ValueError if the features cannot be divided among the heads, or as the layers for their sizes.
    Source:   Radford et al., 2019, "Language Models are Unsupervised Multitask Learners".
    """
    out_init = normal(0.02 / max(2 * layers, 1) ** 0.5)
    attention = DotProductAttention(causal=True, rate=rate)
    block = pre_norm_block(
        attention_part(features, num_heads, attention=attention, rate=rate, norm=LayerNorm(1e-5), out_init=out_init),
        feed_forward_part(
            features, 4 * features, rate=rate, norm=LayerNorm(1e-5), out_init=out_init, recompute=recompute
        ),
        recompute,
    )
    return LanguageModel(
        Embedding(vocabulary_size, features, normal(0.02)),
        chain(
            wpe=PositionEmbedding(length),
            drop=first(Dropout(rate)),
            h=scan(block, layers),
            ln_f=first(LayerNorm(1e-5)),
        ),
    )
