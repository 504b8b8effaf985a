"""The samples of gated linear units. The translator has the signature of its function in `torch.nn.functional`."""

import numpy as np

import backprop_jax as bp
from tests.layers.opinfo.expressed import Expressed, Tensor

__all__ = ["glu"]


def glu(input: Tensor, dim: int = -1) -> Expressed:
    def layout(array: np.ndarray) -> np.ndarray:
        return np.moveaxis(array, dim, -1)

    return Expressed(bp.GLU(), input, layout)
