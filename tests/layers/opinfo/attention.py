"""The samples of attention. The translator has the signature of its function in `torch.nn.functional`."""

import numpy as np

import backprop_jax as bp
from tests.layers.opinfo.expressed import Expressed, Tensor

__all__ = ["BROADCAST", "DROPOUT", "scaled_dot_product_attention"]

BROADCAST = "queries that are shared by the sequences of a batch: ours has a batch of each"
DROPOUT = "dropout draws other masks"


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Expressed | str:
    if dropout_p:
        return DROPOUT
    if query.ndim != key.ndim:
        return BROADCAST
    data = () if attn_mask is None else (bp.Visibility(bias=attn_mask),)
    return Expressed(bp.DotProductAttention(is_causal, scale=scale), (query, key, value, *data), _layout)


def _layout(array: np.ndarray) -> np.ndarray:
    """From (B, H, T, K), or (B, T, K) of one head, to (B, T, H, K); and a bias (T, S) to that of all."""
    if array.ndim == 2:
        return array[None, None]
    return array[:, :, None] if array.ndim == 3 else np.swapaxes(array, 1, 2)
