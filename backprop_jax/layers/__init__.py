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
from backprop_jax.layers.affine import Affine
from backprop_jax.layers.attention import (
    CrossAttention,
    DotProductAttention,
    Packed,
    PositionEmbedding,
    RotaryEmbedding,
    SelfAttention,
    SinusoidalPositions,
    Visibility,
)
from backprop_jax.layers.convolution import Conv, ConvTranspose
from backprop_jax.layers.dense import Dense
from backprop_jax.layers.drop_path import DropPath
from backprop_jax.layers.dropout import Dropout
from backprop_jax.layers.embedding import Embedding
from backprop_jax.layers.glu import GLU
from backprop_jax.layers.join import Concatenate, Identity, Sum
from backprop_jax.layers.normalization import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)
from backprop_jax.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, GlobalAvgPool, GlobalMaxPool, MaxPool
from backprop_jax.layers.recurrent import (
    GRUCell,
    LastStep,
    LSTMCarry,
    LSTMCell,
    MaxSteps,
    MeanSteps,
    Padded,
    RNNCell,
)
from backprop_jax.layers.resampling import Pad, PixelShuffle, PixelUnshuffle, Resize, Upsample
from backprop_jax.layers.shape import Flatten, Reshape, Transpose
from backprop_jax.layers.softmax import LogSoftmax, Softmax
from backprop_jax.layers.squeeze_excite import SqueezeExcite

__all__ = [
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "AdaptiveAvgPool",
    "AdaptiveMaxPool",
    "Affine",
    "AvgPool",
    "BatchNorm",
    "Concatenate",
    "Conv",
    "ConvTranspose",
    "CrossAttention",
    "Dense",
    "DotProductAttention",
    "DropPath",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "HardSiLU",
    "HardSigmoid",
    "HardTanh",
    "Identity",
    "InstanceNorm",
    "LSTMCarry",
    "LSTMCell",
    "LastStep",
    "LayerNorm",
    "LeakyReLU",
    "LocalResponseNorm",
    "LogSoftmax",
    "MaxPool",
    "MaxSteps",
    "MeanSteps",
    "Mish",
    "Packed",
    "Pad",
    "Padded",
    "PixelShuffle",
    "PixelUnshuffle",
    "PositionEmbedding",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "ReLU6",
    "Reshape",
    "Resize",
    "RotaryEmbedding",
    "SelfAttention",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "SqueezeExcite",
    "Sum",
    "Tanh",
    "Transpose",
    "Upsample",
    "Visibility",
]
