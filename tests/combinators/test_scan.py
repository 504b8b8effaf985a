import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal

L, B, D = 5, 4, 6
block = bp.skip(bp.chain(bp.LayerNorm(), bp.Dense(D), bp.Tanh()))


def test_equals_the_unrolled_chain() -> None:
    scanned, unrolled = bp.scan(block, L), bp.chain(*[block] * L)
    x = normal(B, D)
    params, state = scanned.init(jax.random.key(0), x)
    each = tuple(jax.tree.map(lambda leaf, i=i: leaf[i], params) for i in range(L))
    y, _, residuals = scanned.forward(params, state, x)
    y_each, _, residuals_each = unrolled.forward(each, tuple([state] * L), x)
    np.testing.assert_allclose(y, y_each, rtol=1e-5)
    dparams, dx = scanned.backward(params, residuals, y)
    dparams_each, dx_each = unrolled.backward(each, residuals_each, y)
    np.testing.assert_allclose(dx, dx_each, rtol=1e-4, atol=1e-5)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *dparams_each)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), dparams, stacked)


def test_each_step_draws_its_own_mask() -> None:
    layer = bp.scan(bp.Dropout(0.5), 2)
    _, state = layer.init(jax.random.key(0), normal(B, D))
    assert state.shape == (2,)
    y, new_state, _ = layer.forward((), state, jnp.ones((100, 100)))
    assert float(jnp.mean(y == 0)) == pytest.approx(0.75, abs=0.02)
    assert (jax.random.key_data(new_state) != jax.random.key_data(state)).any()


def test_an_array_saved_by_two_neighbours_is_stacked_once() -> None:
    """Tanh saves its output and Dense its input, which is the same array."""
    layer = bp.scan(bp.chain(bp.Dense(D), bp.Tanh(), bp.Dense(D)), L)
    assert bp.residual_bytes(layer, normal(B, D)) == L * (B * D + B * D) * 4


def test_what_all_steps_read_is_stored_once_and_not_stacked() -> None:
    """(x, memory) -> (x w + memory v, memory): both matmuls save their input, and memory is the same in all steps."""
    read = bp.fan_out(bp.chain(bp.parallel(bp.Dense(D), bp.Dense(D)), bp.Sum()), bp.select(1))
    x = (normal(B, D), normal(B, 3))
    assert bp.residual_bytes(bp.scan(read, L), x) == (L * B * D + B * 3) * 4
    unrolled_by_vjp = L * (B * D + B * 3) * 4
    assert bp.residual_bytes(bp.scan(read, L), x) < unrolled_by_vjp


def test_compile_time_does_not_grow_with_depth() -> None:
    def equations(depth: int) -> int:
        layer = bp.scan(block, depth)
        params, state = jax.eval_shape(layer.init, jax.random.key(0), normal(B, D))
        return str(jax.make_jaxpr(layer.forward)(params, state, normal(B, D))).count("\n")

    assert equations(50) == equations(2)


def test_a_layer_that_changes_its_input_is_named() -> None:
    layer = bp.scan(bp.Dense(3), 2)
    params, state = layer.init(jax.random.key(0), normal(4, 5))
    with pytest.raises(
        ValueError, match=r"scan needs a layer that keeps the type of its input, but Dense\(features=3\) maps"
    ):
        layer.forward(params, state, normal(4, 5))
    with pytest.raises(ValueError, match="0 or more as its depth, not -1"):
        bp.scan(block, -1)
