"""Leaves: the only place with calculus."""

from backprop_jax.layers.activations import (
    ELU,
    GELU,
    SELU,
    HardSigmoid,
    HardSiLU,
    HardTanh,
    LeakyReLU,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from backprop_jax.layers.convolution import Conv
from backprop_jax.layers.dense import Dense
from backprop_jax.layers.dropout import Dropout
from backprop_jax.layers.embedding import Embedding
from backprop_jax.layers.join import Concatenate, Identity, Sum
from backprop_jax.layers.normalization import LayerNorm, RMSNorm
from backprop_jax.layers.shape import Flatten, Reshape, Transpose
from backprop_jax.layers.softmax import LogSoftmax, Softmax

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Concatenate",
    "Conv",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "HardSiLU",
    "HardSigmoid",
    "HardTanh",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "LogSoftmax",
    "Mish",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "Reshape",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Sum",
    "Tanh",
    "Transpose",
]
