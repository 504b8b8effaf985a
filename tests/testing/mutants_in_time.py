"""Backpropagation through time, wrong on purpose: each classic error, in a layer that is right otherwise."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from tests.catalogue import normal
from tests.testing.mutants import Mutant, wrong

__all__ = ["IN_TIME"]

Tree = Any


@dataclass(frozen=True)
class StateOfItsStep(bp.RNNCell):
    """The weight gradient is made of h_t, and not of h_{t-1}."""

    def collect(
        self, params: Tree, saved: Tree, x: jax.Array, before: Tree, after: Tree, steps: Tree
    ) -> tuple[Tree, jax.Array]:
        return super().collect(params, saved, x, after, after, steps)


@dataclass(frozen=True)
class GatesSwapped(bp.GRUCell):
    """r is taken for z and z for r."""

    def retreat(
        self, params: Tree, saved: Any, before: jax.Array, after: jax.Array, dcarry: jax.Array, dy: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        r, z, n = jnp.split(saved.gates, 3, -1)
        swapped = saved._replace(gates=jnp.concatenate([z, r, n], -1))
        return super().retreat(params, swapped, before, after, dcarry, dy)


def last_step_dropped(layer, params, residuals, dy):
    return layer.backward(params, residuals, dy.at[:, -1].set(0))


def mask_ignored(layer, params, residuals, dy):
    dparams, dx = layer.backward(params, residuals._replace(lengths=None), dy.x)
    return dparams, bp.Padded(dx, None)


def no_gradient_of_the_first_carry(layer, params, residuals, dy):
    dparams, (dx, dstart) = layer.backward(params, residuals, dy)
    return dparams, (dx, jax.tree.map(jnp.zeros_like, dstart))


def no_gradient_from_the_last_carry(layer, params, residuals, dy):
    return layer.backward(params, residuals, (dy[0], None))


rnn, with_carry = bp.recurrent(bp.RNNCell(3)), bp.recurrent(bp.RNNCell(3), carry="input")
x = normal(2, 3, 4)
padded = bp.Padded(x, np.array([1, 3], np.int32))
started = x, normal(2, 3)

IN_TIME = [
    Mutant("state of t for t - 1", bp.recurrent(StateOfItsStep(3)), x, "['dparams']['u']"),
    Mutant("gates in another order", bp.recurrent(GatesSwapped(3)), x, "['dparams']['w']"),
    Mutant("last step dropped", wrong(rnn, last_step_dropped), x, "['dx']"),
    Mutant("input without gradient at T = 1", wrong(rnn, last_step_dropped), x[:, :1], "['dx']"),
    Mutant("mask ignored in backward", wrong(rnn, mask_ignored), padded, "['dx']"),
    Mutant("first carry without gradient", wrong(with_carry, no_gradient_of_the_first_carry), started, "['dx'][1]"),
    Mutant("last carry without gradient", wrong(with_carry, no_gradient_from_the_last_carry), started, "['dx'][1]"),
]
