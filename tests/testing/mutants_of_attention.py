"""Attention, wrong on purpose: each classic error of its backward, in a layer that is right otherwise."""

from dataclasses import replace

import jax.numpy as jnp

import backprop_jax as bp
from tests.catalogue.attention import heads
from tests.testing.mutants import Mutant, wrong

__all__ = ["OF_ATTENTION"]


def scale_forgotten(layer, params, residuals, dy):
    _, (dq, dk, dv) = layer.backward(params, residuals, dy)
    return (), (dq, dk * dq.shape[-1] ** 0.5, dv)


def mask_ignored(layer, params, residuals, dy):
    return replace(layer, causal=False).backward(params, residuals, dy)


def mean_left_out(layer, params, residuals, dy):
    """ds = p dp instead of p (dp - Σ dy y)."""
    return layer.backward(params, residuals._replace(y=jnp.zeros_like(residuals.y)), dy)


causal = bp.DotProductAttention(causal=True)
x = heads(2, 3, 3, 2, 1, 4)

OF_ATTENTION = [
    Mutant("scale forgotten in dk", wrong(causal, scale_forgotten), x, "['dx'][1]"),
    Mutant("causal mask ignored in backward", wrong(causal, mask_ignored), x, "['dx'][0]"),
    Mutant("mean of the values' cotangents left out", wrong(causal, mean_left_out), x, "['dx'][0]"),
]
