"""What transformers are made of: attention and feed-forward parts, with norms and skip connections around them."""

from typing import Literal, get_args

from backprop_jax.combinators import chain, first, remat, skip
from backprop_jax.combinators.chain import Chain
from backprop_jax.core.layer import Layer
from backprop_jax.core.whole_number import whole_number
from backprop_jax.initializers import Initializer, normal
from backprop_jax.layers import (
    GELU,
    GLU,
    Dense,
    DotProductAttention,
    Dropout,
    LayerNorm,
    RotaryEmbedding,
    SelfAttention,
)
from backprop_jax.layers.elementwise import Elementwise

__all__ = [
    "RECOMPUTE",
    "Recompute",
    "attention_part",
    "feed_forward_part",
    "head_width",
    "post_norm_block",
    "pre_norm_block",
    "with_recompute",
]

Recompute = Literal["none", "norms", "block"]
RECOMPUTE: tuple[Recompute, ...] = get_args(Recompute)


def attention_part(
    features: int,
    num_heads: int,
    *,
    num_kv_heads: int | None = None,
    attention: DotProductAttention = DotProductAttention(),
    rotary: RotaryEmbedding | None = None,
    rate: float = 0.0,
    norm: Layer | None = None,
    kernel_init: Initializer = normal(0.02),
    out_init: Initializer = normal(0.02),
) -> Chain:
    """A norm, if one is given; queries, keys and values of all heads; attention; the heads mixed; dropout.

    Shapes:   x (B, T, features), or that `Padded` or `Packed` -> the same.
    Params:   a dict: "project" (the norm's and "c_attn"), "heads", empty, and "mix" ("c_proj").
    Raises:   ValueError if the features cannot be divided among the heads.
    """
    width, groups = head_width(features, num_heads), num_heads if num_kv_heads is None else num_kv_heads
    c_attn = Dense((num_heads + 2 * groups) * width, kernel_init=kernel_init)
    return chain(
        project=first(chain(c_attn=c_attn) if norm is None else chain(norm=norm, c_attn=c_attn)),
        heads=SelfAttention(num_heads, num_kv_heads, attention, rotary),
        mix=first(chain(c_proj=Dense(features, kernel_init=out_init), dropout=Dropout(rate))),
    )


def feed_forward_part(
    features: int,
    hidden: int,
    *,
    activation: Elementwise = GELU(),
    gated: bool = False,
    rate: float = 0.0,
    norm: Layer | None = None,
    kernel_init: Initializer = normal(0.02),
    out_init: Initializer = normal(0.02),
    recompute: Recompute = "norms",
) -> Layer:
    """A norm, if one is given; `hidden` features through an activation; the features again; dropout. Each step alone.

    With `gated` there are twice as many features, and the activation of the second half weighs the first: SwiGLU if it
    is SiLU(), as `GLU` says.

    Params:   a dict: the norm's, "c_fc", "act" ("c_proj" in it) and "dropout".
    """
    require_recompute(recompute)
    act = chain(act=GLU(activation) if gated else activation, c_proj=Dense(features, kernel_init=out_init))
    parts = {"c_fc": Dense(2 * hidden if gated else hidden, kernel_init=kernel_init)}
    parts |= {"act": act if recompute == "none" else remat(act), "dropout": Dropout(rate)}
    return first(chain(**({} if norm is None else {"norm": norm}), **parts))


def head_width(features: int, num_heads: int) -> int:
    """The width of each head; ValueError if the features cannot be divided among them."""
    if whole_number(num_heads, least=1) is None or features % num_heads:
        raise ValueError(f"{features} features cannot be divided among {num_heads} heads: choose a divisor")
    return features // num_heads


def require_recompute(recompute: str) -> None:
    """ValueError unless it is a known level."""
    if recompute not in RECOMPUTE:
        raise ValueError(f"recompute is one of {', '.join(map(repr, RECOMPUTE))}, not {recompute!r}")


def pre_norm_block(attention: Layer, feed_forward: Layer, recompute: Recompute = "norms") -> Layer:
    """x + attention(x), then x + feed_forward(x); the norms are within the parts."""
    return with_recompute(chain(attn=skip(attention), mlp=skip(feed_forward)), recompute)


def post_norm_block(attention: Layer, feed_forward: Layer, eps: float = 1e-5, recompute: Recompute = "norms") -> Layer:
    """norm(x + attention(x)), then norm(x + feed_forward(x)): the block of the first transformer."""
    block = chain(attn=skip(attention), ln_1=first(LayerNorm(eps)), mlp=skip(feed_forward), ln_2=first(LayerNorm(eps)))
    return with_recompute(block, recompute)


def with_recompute(block: Layer, recompute: Recompute) -> Layer:
    """The block, which saves only its input if `recompute` is "block"."""
    require_recompute(recompute)
    return remat(block) if recompute == "block" else block
