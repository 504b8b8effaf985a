"""The count of a block's products against those that flax's gradient holds."""

from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.extend import core

from benchmarks.transformers import Block, block_flops

LAYERS, BATCH, STEPS, MEMORY = 3, 2, 5, 7


def product_flops(jaxpr: Any, times: int = 1) -> int:
    """2 M N K of every product, those in a loop as often as it runs."""
    flops = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            over = prod(equation.invars[0].aval.shape[axis] for axis in contracted)
            flops += 2 * times * over * prod(equation.outvars[0].aval.shape)
        for inner in core.jaxprs_in_params(equation.params):
            flops += product_flops(inner, times * equation.params.get("length", 1))
    return flops


@pytest.mark.parametrize("cross", [False, True])
def test_products_of_a_block(cross: bool) -> None:
    nn = pytest.importorskip("flax.linen")
    from benchmarks.flax_transformers import stack

    block = Block(8, 2, 12, "relu", 1e-5, cross=cross)
    x, memory = jnp.zeros((BATCH, STEPS, 8)), jnp.zeros((BATCH, MEMORY, 8)) if cross else None

    class Blocks(nn.Module):
        @nn.compact
        def __call__(self, x, memory):
            return stack("h", block, LAYERS, x, memory=memory).sum()

    params = jax.eval_shape(Blocks().init, jax.random.key(0), x, memory)
    gradient = jax.make_jaxpr(jax.grad(Blocks().apply, (0, 1, 2) if cross else (0, 1)))(params, x, memory)
    assert block_flops(block, LAYERS, BATCH, STEPS, MEMORY) == product_flops(gradient.jaxpr)


def test_of_causal_attention_the_pairs_count_that_are_seen() -> None:
    block = Block(8, 2, 12, "relu", 1e-5)
    hidden = STEPS * (STEPS - 1) // 2  # of STEPS x STEPS pairs of a text
    less = block_flops(block, LAYERS, BATCH, STEPS) - block_flops(block._replace(causal=True), LAYERS, BATCH, STEPS)
    assert less == 3 * LAYERS * BATCH * hidden * 2 * 2 * 8  # a score and a share of a value, of 8 numbers each
