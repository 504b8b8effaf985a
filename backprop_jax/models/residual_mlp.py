"""The multilayer perceptron with skip connections."""

from backprop_jax.combinators import chain, skip
from backprop_jax.combinators.chain import Chain
from backprop_jax.layers import GELU, Dense, Dropout, Flatten, LayerNorm

__all__ = ["residual_mlp"]


def residual_mlp(width: int = 128, depth: int = 2, classes: int = 10, rate: float = 0.0, expansion: int = 2) -> Chain:
    """`depth` blocks of norm, dense, GELU, dropout and dense, each beside a skip connection: a transformer's MLP half.

    Shapes:   x (B, ...) float, flattened -> logits (B, classes).
    Params:   a dict, "flatten", "embed", "block0", ..., "norm", "readout".
    Units:    `width` is that of the stream, `expansion` times it that within a block; `rate` is the fraction removed.
    Source:   the norm before the block: Xiong et al., 2020, arXiv:2002.04745.
    """
    blocks = {}
    for index in range(depth):
        dropout = [Dropout(rate)] if rate != 0 else []
        blocks[f"block{index}"] = skip(chain(LayerNorm(), Dense(expansion * width), GELU(), *dropout, Dense(width)))
    return chain(flatten=Flatten(), embed=Dense(width), **blocks, norm=LayerNorm(), readout=Dense(classes))
