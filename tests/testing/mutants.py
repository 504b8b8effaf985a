"""Layers that are wrong on purpose, each in a way that real libraries have been wrong. The checker catches them all."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import backprop_jax as bp
from tests.catalogue import TIED, ids, normal

Tree = Any


class Mutant(NamedTuple):
    name: str
    layer: bp.Layer
    x: Any
    caught_by: str  # a part of the message


def dropped_bias(layer, params, x, dy):
    dparams, dx = layer.backward(params, x, dy)
    return {**dparams, "b": jnp.zeros_like(dparams["b"])}, dx


def transposed_weight(layer, params, x, dy):
    dparams, _ = layer.backward(params, x, dy)
    return dparams, dy @ params["w"]


def weights_in_gradient(layer, params, x, dy):
    dparams, dx = layer.backward(params, x, dy)
    return jax.tree.map(lambda gradient, weight: gradient + 1e-2 * weight, dparams, params), dx


def zero_input_gradient(layer, params, x, dy):
    dparams, dx = layer.backward(params, x, dy)
    return dparams, jnp.zeros_like(dx)


def none_input_gradient(layer, params, x, dy):
    return layer.backward(params, x, dy)[0], None


def missing_mean(layer, params, residuals, dy):
    x, mean, rstd = residuals
    dparams, _ = layer.backward(params, residuals, dy)
    normalized, g = (x - mean) * rstd, params["scale"] * dy
    return dparams, rstd * (g - normalized * jnp.mean(g * normalized, -1, keepdims=True))


def sum_for_mean(layer, params, residuals, dy):
    dparams, (dprediction, _) = layer.backward(params, residuals, dy)
    return dparams, (dprediction * 12, None)


def fresh_mask(layer, params, key, dy):
    return layer.backward(params, jax.random.fold_in(key, 1), dy)


def half_at_ties(layer, params, y, dy):
    return (), jnp.where(y > 0, dy, jnp.where(y == 0, dy / 2, 0))


def always_float32(layer, params, x, dy):
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), layer.backward(params, x, dy))


def gradients_in_a_list(layer, params, x, dy):
    dparams, dx = layer.backward(params, x, dy)
    return [dparams["w"], dparams["b"]], dx


def clipped(layer, params, x, dy):
    return layer.backward(params, x, jnp.clip(dy, -0.5, 0.5))


def clipped_far_out(layer, params, x, dy):
    return layer.backward(params, x, jnp.clip(dy, -6, 6))


def none_as_ones(layer, params, residuals, dy):
    left, right = dy
    ones = jnp.ones_like(right if left is None else left)
    filled = (
        jnp.ones((4, 3), ones.dtype) if left is None else left,
        jnp.ones((4, 2), ones.dtype) if right is None else right,
    )
    return layer.backward(params, residuals, filled)


def depends_on_ones(layer, params, x, dy):
    return layer.backward(params, x, jnp.ones_like(dy))


def row_gradient_for_all(layer, params, ids, dy):
    return {"table": jnp.zeros_like(params["table"]).at[ids].set(dy)}, None


def cotangent_for_integers(layer, params, ids, dy):
    return layer.backward(params, ids, dy)[0], jnp.zeros(ids.shape)


def summed_over_batch_only(layer, params, x, dy):
    dparams, dx = layer.backward(params, x, dy)
    return {**dparams, "b": jnp.sum(dy, 0)[0]}, dx


@dataclass(frozen=True)
class RunningSum(bp.Layer):
    """y_t = x_0 + ... + x_t along axis 0; with `late`, the backward is one step off in time."""

    late: bool

    def forward(self, params: Tree, state: Tree, x: Tree) -> tuple[Tree, Tree, Tree]:
        return jnp.cumsum(x, 0), state, ()

    def backward(self, params: Tree, residuals: Tree, dy: Tree) -> tuple[Tree, Tree]:
        following = jnp.cumsum(dy[::-1], 0)[::-1]
        return (), following - dy if self.late else following


@dataclass(frozen=True)
class CountedTwice(bp.Layer):
    """x w w with one w, whose two uses are added; the wrong one adds the second use twice."""

    twice: bool

    def init(self, key: jax.Array, x: Tree) -> tuple[Tree, Tree]:
        return jax.random.normal(key, (x.shape[-1],) * 2), ()

    def forward(self, params: Tree, state: Tree, x: Tree) -> tuple[Tree, Tree, Tree]:
        hidden = x @ params
        return hidden @ params, state, (x, hidden)

    def backward(self, params: Tree, residuals: Tree, dy: Tree) -> tuple[Tree, Tree]:
        x, hidden = residuals
        dhidden = dy @ params.T
        dw = x.T @ dhidden + (2 if self.twice else 1) * (hidden.T @ dy)
        return dw.astype(params.dtype), (dhidden @ params.T).astype(x.dtype)


@dataclass(frozen=True)
class SavesItsWeight(bp.Layer):
    """A dense layer whose residuals hold w."""

    def init(self, key: jax.Array, x: Tree) -> tuple[Tree, Tree]:
        return bp.Dense(3).init(key, x)

    def forward(self, params: Tree, state: Tree, x: Tree) -> tuple[Tree, Tree, Tree]:
        y, state, residuals = bp.Dense(3).forward(params, state, x)
        return y, state, (residuals, params["w"])

    def backward(self, params: Tree, residuals: Tree, dy: Tree) -> tuple[Tree, Tree]:
        return bp.Dense(3).backward(params, residuals[0], dy)


@dataclass(frozen=True)
class SavesTooMuch(bp.Layer):
    """A ReLU that saves its input, its output and its mask."""

    def forward(self, params: Tree, state: Tree, x: Tree) -> tuple[Tree, Tree, Tree]:
        y = jax.nn.relu(x)
        return y, state, (x, y, x > 0)

    def backward(self, params: Tree, residuals: Tree, dy: Tree) -> tuple[Tree, Tree]:
        return (), dy * residuals[2]


@dataclass(frozen=True)
class ForgetsState(bp.Layer):
    """A dropout that gives no new key."""

    def init(self, key: jax.Array, x: Tree) -> tuple[Tree, Tree]:
        return (), key

    def forward(self, params: Tree, state: Tree, x: Tree) -> tuple[Tree, Tree, Tree]:
        y, _, residuals = bp.Dropout(0.5).forward(params, state, x)
        return y, (), residuals

    def backward(self, params: Tree, residuals: Tree, dy: Tree) -> tuple[Tree, Tree]:
        return bp.Dropout(0.5).backward(params, residuals, dy)


@dataclass(frozen=True, eq=False)
class NoValue(bp.Layer):
    """A layer that is equal to itself only."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def forward(self, params: Tree, state: Tree, x: Tree) -> tuple[Tree, Tree, Tree]:
        return x, state, ()

    def backward(self, params: Tree, residuals: Tree, dy: Tree) -> tuple[Tree, Tree]:
        return (), dy


@dataclass(frozen=True)
class HidesFromAutodiff(bp.Layer):
    """x² whose forward declares one factor a constant, so that jax.vjp agrees with the wrong half-sized backward."""

    def forward(self, params: Tree, state: Tree, x: Tree) -> tuple[Tree, Tree, Tree]:
        return x * jax.lax.stop_gradient(x), state, x

    def backward(self, params: Tree, residuals: Tree, dy: Tree) -> tuple[Tree, Tree]:
        return (), dy * residuals


@dataclass(frozen=True)
class CountsItsCalls(bp.Layer):
    """The identity, whose backward depends on how often it was called."""

    calls: list = field(default_factory=list, compare=False)

    def forward(self, params: Tree, state: Tree, x: Tree) -> tuple[Tree, Tree, Tree]:
        return x, state, ()

    def backward(self, params: Tree, residuals: Tree, dy: Tree) -> tuple[Tree, Tree]:
        self.calls.append(None)
        return (), dy * (1 if len(self.calls) < 4 else 2)


@dataclass(frozen=True)
class LowPrecisionNorm(bp.Layer):
    """A layer norm whose backward computes in the dtype of its input."""

    def init(self, key: jax.Array, x: Tree) -> tuple[Tree, Tree]:
        return bp.LayerNorm().init(key, x)

    def forward(self, params: Tree, state: Tree, x: Tree) -> tuple[Tree, Tree, Tree]:
        return bp.LayerNorm().forward(params, state, x)

    def backward(self, params: Tree, residuals: Tree, dy: Tree) -> tuple[Tree, Tree]:
        low = jax.tree.map(lambda leaf: leaf.astype(residuals.x.dtype), residuals)
        total = jax.lax.reduce(low.x * 0 + dy, jnp.zeros((), dy.dtype), jax.lax.add, (0,))
        dparams, dx = bp.LayerNorm().backward(params, low, dy)
        return {
            **dparams,
            "shift": (total * 1.02).astype(total.dtype) if dy.dtype == jnp.bfloat16 else dparams["shift"],
        }, dx


def wrong(layer: bp.Layer, rule: Any) -> bp.Layer:
    return bp.with_backward(layer, rule)


x = normal(4, 5)
mse = bp.losses.MeanSquaredError()
two_outputs = bp.parallel(bp.Dense(3), bp.Dense(2))

MUTANTS = [
    Mutant("dropped bias term", wrong(bp.Dense(3), dropped_bias), x, "['dparams']['b']"),
    Mutant("transposed weight", wrong(bp.Dense(5), transposed_weight), x, "['dx']"),
    Mutant("missing mean term of a norm", wrong(bp.LayerNorm(), missing_mean), x, "['dx']"),
    Mutant("off by one in time", RunningSum(late=True), x, "['dx']"),
    Mutant("weights added to gradients", wrong(bp.Dense(3), weights_in_gradient), x, "['dparams']"),
    Mutant(
        "gradient of the wrong reduction",
        wrong(mse, sum_for_mean),
        (normal(4, 3), normal(4, 3, scale=2.0)),
        "['dx'][0]",
    ),
    Mutant("mask not reused", wrong(bp.Dropout(0.5), fresh_mask), normal(6, 7), "['dx']"),
    Mutant("double-counted shared weight", CountedTwice(twice=True), x, "['dparams']"),
    Mutant("ties split wrongly", wrong(bp.ReLU(), half_at_ties), TIED, "['dx']"),
    Mutant("wrong dtype", wrong(bp.Dense(3), always_float32), x, "where the primal is bfloat16"),
    Mutant("structure mismatch", wrong(bp.Dense(3), gradients_in_a_list), x, "dparams: the structure is not that"),
    Mutant("non-linear backward", wrong(bp.Dense(3), clipped), x, "gradient against jax.vjp"),
    Mutant("cotangent taken for ones", wrong(bp.Dense(3), depends_on_ones), x, "gradient against jax.vjp"),
    Mutant("zero input gradient", wrong(bp.Dense(3), zero_input_gradient), x, "['dx']"),
    Mutant("None for a gradient that exists", wrong(bp.Dense(3), none_input_gradient), x, "['dx']"),
    Mutant(
        "repeated rows overwritten",
        wrong(bp.Embedding(3, 2), row_gradient_for_all),
        ids(8, below=3),
        "['dparams']['table']",
    ),
    Mutant(
        "cotangent for integers", wrong(bp.Embedding(3, 2), cotangent_for_integers), ids(8, below=3), "must be None"
    ),
    Mutant("sum over too few axes", wrong(bp.Dense(3), summed_over_batch_only), normal(4, 2, 5), "['dparams']['b']"),
    Mutant("a parameter among the residuals", SavesItsWeight(), x, "residuals hold the parameter ['w']"),
    Mutant("residuals larger than autodiff's", SavesTooMuch(), x, "residuals take"),
    Mutant("state of another structure", ForgetsState(), x, "the new state"),
    Mutant("clipping of large cotangents", wrong(bp.Dense(3), clipped_far_out), x, "a sum of cotangents"),
    Mutant("a constant in forward alone", HidesFromAutodiff(), x, "by central differences"),
    Mutant("None taken for ones", wrong(two_outputs, none_as_ones), (x, normal(4, 2)), "None for output leaf"),
    Mutant("state kept in Python", CountsItsCalls(), x, "['dx']"),
    Mutant("bfloat16 sums", LowPrecisionNorm(), normal(3, 64), "in bfloat16 is off"),
    Mutant("not a value, deep inside", bp.chain(bp.skip(NoValue())), x, "a rebuilt layer is not equal"),
    Mutant("not a value", NoValue(), x, "a rebuilt layer is not equal"),
]

CORRECT = [replace(mutant.layer, late=False) for mutant in MUTANTS if mutant.name == "off by one in time"]
CORRECT += [replace(mutant.layer, twice=False) for mutant in MUTANTS if mutant.name.startswith("double-counted")]
