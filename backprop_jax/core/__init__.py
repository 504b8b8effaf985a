"""The contract and the tools that work on any layer. Read this folder and you know the library."""

from backprop_jax.core.children import Children
from backprop_jax.core.interop import as_jax_function, from_function
from backprop_jax.core.keys import reseed
from backprop_jax.core.layer import Layer
from backprop_jax.core.objective import supervised, value_and_grad
from backprop_jax.core.rewrite import eval_mode, rewrite, rewrite_with_path
from backprop_jax.core.static import Static, Template
from backprop_jax.core.summary import residual_bytes, summarize

__all__ = [
    "Children",
    "Layer",
    "Static",
    "Template",
    "as_jax_function",
    "eval_mode",
    "from_function",
    "reseed",
    "residual_bytes",
    "rewrite",
    "rewrite_with_path",
    "summarize",
    "supervised",
    "value_and_grad",
]
