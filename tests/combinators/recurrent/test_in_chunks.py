from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.testing.cases import QUICK
from backprop_jax.testing.compare import assert_close
from tests.catalogue import StepByStep, normal
from tests.temporary_memory import temporary_bytes

B, T, D, H = 2, 7, 3, 4
X = normal(B, T, D)
CARRY = bp.LSTMCarry(normal(B, H), normal(B, H, scale=2.0))
GAPS = np.array([[True, False, False, False, True, True, False], [False] * 3 + [True] * 2 + [False] * 2])
CASES = {
    "zero": (bp.recurrent(bp.LSTMCell(H)), bp.Padded(X, np.array([5, 0])), ()),
    "input": (bp.recurrent(bp.LSTMCell(H), carry="input"), (bp.Padded(X, GAPS), CARRY), ()),
    "state": (bp.recurrent(bp.LSTMCell(H), carry="state"), X, ((), CARRY)),
    "reverse": (bp.recurrent(bp.LSTMCell(H), carry="input", reverse=True), (bp.Padded(X, GAPS), CARRY), ()),
    "any cell": (bp.recurrent(StepByStep(bp.LSTMCell(H)), reverse=True), bp.Padded(X, GAPS), ()),
}


def run(layer: bp.Layer, params: Any, state: Any, x: Any) -> Any:
    y, state, residuals = layer.forward(params, state, x)
    dy = jax.tree.map(lambda leaf: jnp.sin(3 * leaf) if jnp.issubdtype(leaf.dtype, jnp.floating) else None, y)
    return y, state, layer.backward(params, residuals, dy)


@pytest.mark.parametrize("name", CASES)
def test_chunks_change_no_value_and_no_gradient(name: str) -> None:
    """Chunks that leave a rest, that are one step, and one that is longer than the sequence."""
    layer, x, state = CASES[name]
    params, _ = layer.init(jax.random.key(0), x)
    sizes = {"zero": (3, 1, 10)}.get(name, (3,))
    layers = [layer, *(bp.remat_steps(layer, steps) for steps in sizes)]
    expected, *chunked = jax.jit(lambda *args: [run(each, *args) for each in layers], compiler_options=QUICK)(
        params, state, x
    )
    for actual in chunked:
        assert jax.tree.structure(actual) == jax.tree.structure(expected)
        assert_close(actual, expected, 1e-5, f"{name} in chunks")


@pytest.mark.parametrize("shape", [(0, 5, D), (2, 1, D), (2, 0, D)], ids=str)
def test_no_sequences_and_hardly_a_step(shape: tuple[int, ...]) -> None:
    layer, x = bp.recurrent(StepByStep(bp.RNNCell(H))), normal(*shape)
    params, _ = layer.init(jax.random.key(0), x)
    assert_close(run(bp.remat_steps(layer, 2), params, (), x), run(layer, params, (), x), 1e-5, "in chunks")


def test_a_cell_that_draws_draws_the_same_again() -> None:
    cell = StepByStep(bp.RNNCell(H))
    noisy = bp.recurrent(NoisyCell(cell))
    params, state = noisy.init(jax.random.key(0), X)
    plain, chunked = (
        jax.jit(run, static_argnums=0, compiler_options=QUICK)(layer, params, state, X)
        for layer in (noisy, bp.remat_steps(noisy, 3))
    )
    assert_close(chunked, plain, 1e-5, "in chunks")
    without = run(bp.recurrent(cell), params, (), X)
    assert not np.allclose(plain[0], without[0], atol=0.1)


class NoisyCell(StepByStep):
    """A cell with dropout on its x."""

    def init(self, key: jax.Array, x: Any) -> tuple[Any, Any]:
        return self.layer.init(key, x)[0], DROPOUT.init(key, x[1])[1]

    def forward(self, params: Any, state: Any, x: Any) -> tuple[Any, Any, Any]:
        kept, state, mask = DROPOUT.forward((), state, x[1])
        y, _, residuals = self.layer.forward(params, (), (x[0], kept))
        return y, state, (residuals, mask)

    def backward(self, params: Any, residuals: Any, dy: Any) -> tuple[Any, Any]:
        dparams, (dcarry, dx) = self.layer.backward(params, residuals[0], dy)
        return dparams, (dcarry, DROPOUT.backward((), residuals[1], dx)[1])


DROPOUT = bp.Dropout(0.5)


def test_saves_x_and_the_carry_before_each_chunk() -> None:
    plain, x = bp.recurrent(bp.LSTMCell(8)), jax.ShapeDtypeStruct((2, 100, 3), jnp.float32)
    of_x, of_carry = 4 * 2 * 100 * 3, 4 * 2 * 2 * 8
    assert bp.residual_bytes(bp.remat_steps(plain, 10), x) == of_x + 10 * of_carry
    assert bp.residual_bytes(bp.remat_steps(plain, 30), x) == of_x + 4 * of_carry
    assert bp.residual_bytes(plain, x) > of_x + 100 * 4 * 2 * 5 * 8


def test_temporary_memory_falls() -> None:
    """Of 12 arrays like x two and a bit are left: y, one chunk, and the carries between chunks."""
    plain, x = bp.recurrent(bp.LSTMCell(64)), jax.ShapeDtypeStruct((4, 256, 64), jnp.float32)
    params, _ = jax.eval_shape(plain.init, jax.random.key(0), x)

    def gradient(layer: bp.Layer) -> int:
        def both_ways(params: Any, x: jax.Array) -> Any:
            y, _, residuals = layer.forward(params, (), x)
            return layer.backward(params, residuals, y)

        return temporary_bytes(jax.jit(both_ways).lower(params, x))

    assert gradient(bp.remat_steps(plain, 16)) < 0.25 * gradient(plain)


@pytest.mark.parametrize("steps", [0, -1, 2.5, True])
def test_chunks_of_no_steps(steps: Any) -> None:
    with pytest.raises(ValueError, match="remat_steps needs chunks of 1 step or more, a whole number"):
        bp.remat_steps(bp.recurrent(bp.RNNCell(3)), steps)


def test_layers_without_steps() -> None:
    with pytest.raises(TypeError, match=r"remat_steps takes what recurrent makes, not Dense\(features=3\)"):
        bp.remat_steps(bp.Dense(3), 2)  # type: ignore[arg-type]
