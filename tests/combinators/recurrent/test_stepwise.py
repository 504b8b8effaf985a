"""Cells as users write them."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal


@dataclass(frozen=True)
class Leaky(bp.Layer):
    """carry' = a carry + x, y = carry'. One number of parameters, and a state that counts the steps."""

    def initial_carry(self, x: jax.Array) -> jax.Array:
        return jnp.zeros(x.shape, x.dtype)

    def init(self, key: jax.Array, x: Any) -> tuple[Any, Any]:
        return {"a": jnp.full((), 0.5, x[1].dtype)}, jnp.zeros((), jnp.int32)

    def forward(self, params: Any, state: Any, x: Any) -> tuple[Any, Any, Any]:
        carry, x = x
        after = params["a"] * carry + x
        return (after, after), state + 1, carry

    def backward(self, params: Any, residuals: Any, dy: Any) -> tuple[Any, Any]:
        dafter = dy[0] + dy[1]
        return {"a": (dafter * residuals).sum()}, (params["a"] * dafter, dafter)


@dataclass(frozen=True)
class Words(bp.Layer):
    """A sum of the vectors of the token ids so far, which have no gradient."""

    table: bp.Embedding = bp.Embedding(5, 2)

    def initial_carry(self, x: jax.Array) -> jax.Array:
        return jnp.zeros((x.shape[0], 2))

    def init(self, key: jax.Array, x: Any) -> tuple[Any, Any]:
        return self.table.init(key, x[1])

    def forward(self, params: Any, state: Any, x: Any) -> tuple[Any, Any, Any]:
        y, state, residuals = self.table.forward(params, state, x[1])
        return (x[0] + y, x[0] + y), state, residuals

    def backward(self, params: Any, residuals: Any, dy: Any) -> tuple[Any, Any]:
        dafter = dy[0] + dy[1]
        return self.table.backward(params, residuals, dafter)[0], (dafter, None)


def test_values_and_gradients_of_a_leaky_sum() -> None:
    layer, x = bp.recurrent(Leaky(), carry="input"), np.array([[1.0, 2.0, 4.0]], np.float32)
    start = np.array([8.0], np.float32)
    params, state = layer.init(jax.random.key(0), (x, start))
    (y, last), state, residuals = layer.forward(params, state, (x, start))
    assert y.tolist() == [[5, 4.5, 6.25]] and last.tolist() == [6.25]
    assert state == 3
    dparams, (dx, dstart) = layer.backward(params, residuals, (jnp.array([[1.0, 0.0, 2.0]]), jnp.array([4.0])))
    # From the last step back: 6, 3, 2.5.
    assert dx.tolist() == [[2.5, 3, 6]] and dstart.tolist() == [1.25]
    assert dparams["a"] == 6 * 4.5 + 3 * 5 + 2.5 * 8


def test_gradients_of_the_last_carry_or_of_y_alone() -> None:
    layer, x = bp.recurrent(Leaky(), carry="input"), (np.ones((1, 2), np.float32), np.ones(1, np.float32))
    params, state = layer.init(jax.random.key(0), x)
    _, _, residuals = layer.forward(params, state, x)
    _, (dx, dstart) = layer.backward(params, residuals, (None, jnp.ones(1)))
    assert dx.tolist() == [[0.5, 1]] and dstart.tolist() == [0.25]
    _, (dx, dstart) = layer.backward(params, residuals, (jnp.array([[1.0, 0.0]]), None))
    assert dx.tolist() == [[1, 0]] and dstart.tolist() == [0.5]


@pytest.mark.parametrize("lengths", [None, np.array([3, 0])], ids=["all", "lengths"])
def test_token_ids_have_no_gradient(lengths: Any) -> None:
    layer, tokens = bp.recurrent(Words()), ids(2, 3, below=5)
    x = tokens if lengths is None else bp.Padded(tokens, lengths)
    params, state = layer.init(jax.random.key(0), x)
    y, _, residuals = layer.forward(params, state, x)
    values = y if lengths is None else y.x
    vectors = params["table"][tokens].cumsum(1)
    np.testing.assert_allclose(values[0], vectors[0], rtol=1e-6)
    dparams, dx = layer.backward(
        params, residuals, jax.tree.map(jnp.ones_like, y) if lengths is None else bp.Padded(jnp.ones_like(values), None)
    )
    assert jax.tree.leaves(dx) == []
    rows = range(2) if lengths is None else range(1)
    expected = np.zeros((5, 2))
    for row in rows:
        for t in range(3):
            expected[tokens[row, t]] += 3 - t
    np.testing.assert_allclose(dparams["table"], expected)


def test_several_sequences_at_once() -> None:
    """x may be a tree of sequences."""

    @dataclass(frozen=True)
    class Adds(bp.Layer):
        def initial_carry(self, x: Any) -> jax.Array:
            return jnp.zeros(x["a"].shape)

        def forward(self, params: Any, state: Any, x: Any) -> tuple[Any, Any, Any]:
            after = x[0] + x[1]["a"] * x[1]["b"]
            return (after, after), state, x[1]

        def backward(self, params: Any, residuals: Any, dy: Any) -> tuple[Any, Any]:
            dafter = dy[0] + dy[1]
            return (), (dafter, {"a": dafter * residuals["b"], "b": dafter * residuals["a"]})

    layer, x = bp.recurrent(Adds()), {"a": normal(2, 3), "b": normal(2, 4)[:, :3]}
    y, _, residuals = layer.forward((), (), x)
    np.testing.assert_allclose(y, np.cumsum(x["a"] * x["b"], 1), rtol=1e-5)
    _, dx = layer.backward((), residuals, jnp.ones((2, 3)))
    np.testing.assert_allclose(dx["a"], np.array([3, 2, 1]) * x["b"], rtol=1e-6)


def test_the_sum_over_steps_is_in_float32() -> None:
    """In bfloat16 256 + 1 is 256."""

    layer, x = bp.recurrent(Leaky()), jnp.ones((1, 1000, 1), jnp.bfloat16)
    params, state = {"a": jnp.zeros((), jnp.bfloat16)}, jnp.zeros((), jnp.int32)
    y, _, residuals = jax.jit(layer.forward)(params, state, x)
    dparams, _ = jax.jit(layer.backward)(params, residuals, jnp.ones_like(y))
    assert dparams["a"] == jnp.bfloat16(999)


def test_a_carry_keeps_its_form() -> None:
    x = jnp.ones((1, 3, 2), jnp.bfloat16)
    with pytest.raises(
        ValueError, match=r"Leaky\(\) was given a carry of bfloat16\[1, 2\] and hands on one of float32"
    ):
        bp.recurrent(Leaky()).forward({"a": jnp.ones(())}, jnp.zeros((), jnp.int32), x)
