"""Backpropagation you can read, prove and replace.

Core, layers and combinators stand here; losses, optimizers and the rest in the modules `losses`, `optim`,
`initializers`, `train`, `data`, `models` and `testing`, which are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from backprop_jax.combinators import (
    cast,
    chain,
    fan_out,
    first,
    parallel,
    remat,
    reparameterize,
    scan,
    select,
    skip,
    tie,
    with_backward,
)
from backprop_jax.core import (
    Children,
    Layer,
    Static,
    Template,
    as_jax_function,
    eval_mode,
    from_function,
    reseed,
    residual_bytes,
    rewrite,
    rewrite_with_path,
    summarize,
    supervised,
    value_and_grad,
)
from backprop_jax.layers import (
    ELU,
    GELU,
    SELU,
    Concatenate,
    Conv,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    HardSigmoid,
    HardSiLU,
    HardTanh,
    Identity,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    ReLU6,
    Reshape,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Sum,
    Tanh,
    Transpose,
)

if TYPE_CHECKING:
    from backprop_jax import data, initializers, losses, models, optim, testing, train

__version__ = "0.1.0"

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Children",
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
    "Layer",
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
    "Static",
    "Sum",
    "Tanh",
    "Template",
    "Transpose",
    "__version__",
    "as_jax_function",
    "cast",
    "chain",
    "data",
    "eval_mode",
    "fan_out",
    "first",
    "from_function",
    "initializers",
    "losses",
    "models",
    "optim",
    "parallel",
    "remat",
    "reparameterize",
    "reseed",
    "residual_bytes",
    "rewrite",
    "rewrite_with_path",
    "scan",
    "select",
    "skip",
    "summarize",
    "supervised",
    "testing",
    "tie",
    "train",
    "value_and_grad",
    "with_backward",
]


def __getattr__(name: str) -> ModuleType:
    # All of them at once would double the time of `import backprop_jax`.
    if name in ("data", "initializers", "losses", "models", "optim", "testing", "train"):
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
