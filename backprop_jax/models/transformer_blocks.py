"""What transformers are made of: attention and feed-forward parts, each with its norm and its skip connection."""

from typing import Literal

from backprop_jax.combinators import chain, first, remat, skip
from backprop_jax.core.layer import Layer
from backprop_jax.layers import GELU, Dense, DotProductAttention, LayerNorm, SelfAttention

__all__ = ["RECOMPUTE", "Recompute", "pre_norm_block"]

Recompute = Literal["none", "norms", "block"]
RECOMPUTE = ("none", "norms", "block")


def pre_norm_block(features: int, num_heads: int, hidden: int | None = None, recompute: Recompute = "norms") -> Layer:
    """x + attention(norm(x)), then x + feed_forward(norm(x))."""
    attn = skip(
        chain(
            project=first(chain(ln_1=LayerNorm(1e-5), c_attn=Dense(3 * features))),
            heads=SelfAttention(num_heads, attention=DotProductAttention(causal=True)),
            mix=first(chain(c_proj=Dense(features))),
        )
    )
    tail = [GELU(), Dense(features)]
    mlp = skip(first(chain(ln_2=LayerNorm(1e-5), c_fc=Dense(4 * features), tail=remat(*tail) if recompute == "norms" else chain(*tail))))
    block = chain(attn=attn, mlp=mlp)
    return remat(block) if recompute == "block" else block
