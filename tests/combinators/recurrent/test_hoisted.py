from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.testing.cases import QUICK, hand_written, make_case
from tests.catalogue import StepByStep, normal

GAPS = np.array([[True, True, False, True], [False] * 4, [False, True, False, True]])
CASES = [
    (bp.RNNCell(3), {}, GAPS),
    (bp.RNNCell(3, "relu"), {"unroll": 3}, None),
    (bp.LSTMCell(3), {"reverse": True}, np.array([0, 4, 2])),
    (bp.LSTMCell(3, use_peepholes=True, projection=2), {"unroll": 4}, GAPS),
    (bp.GRUCell(3), {"reverse": True, "unroll": 2}, GAPS),
    (bp.GRUCell(3, reset_after=False), {}, np.array([4, 0, 1])),
]


@pytest.mark.parametrize(("cell", "options", "lengths"), CASES, ids=repr)
def test_equals_the_loop_over_any_cell(cell: Any, options: dict[str, Any], lengths: Any) -> None:
    x = normal(3, 4, 2) if lengths is None else bp.Padded(normal(3, 4, 2), lengths)
    start = jax.tree.map(lambda leaf: normal(*leaf.shape), cell.initial_carry(jnp.zeros((3, 2))))
    layers = [bp.recurrent(each, carry="input", **options) for each in (cell, StepByStep(cell))]
    case = make_case(layers[0], (x, start), np.random.default_rng(0))
    both = lambda case: [hand_written(layer, case) for layer in layers]
    with jax.enable_x64(True):
        wide = lambda leaf: leaf.astype(np.float64) if leaf.dtype == np.float32 else leaf
        found, expected = jax.jit(both, compiler_options=QUICK)(jax.tree.map(wide, case))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-12), found, expected)
    assert jax.tree.structure(found) == jax.tree.structure(expected)


def test_products_with_x_and_weight_gradients_are_outside_the_loops() -> None:
    """A step multiplies once by u, and its adjoint once by the transpose."""
    layer, x = bp.recurrent(bp.GRUCell(3)), normal(2, 4, 3)

    def both(params: Any, x: Any) -> Any:
        y, _, residuals = layer.forward(params, (), x)
        return layer.backward(params, residuals, y)

    params, _ = layer.init(jax.random.key(0), x)
    jaxpr = jax.make_jaxpr(both)(params, x).jaxpr
    loops = [each.params["jaxpr"] for each in jaxpr.eqns if each.primitive.name == "scan"]
    assert [str(loop).count("dot_general") for loop in loops] == [1, 1]
