import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from tests.catalogue import normal

B, D = 4, 5
model = bp.chain(bp.Dense(8), bp.Tanh(), bp.skip(bp.chain(norm=bp.LayerNorm(), dense=bp.Dense(8))), bp.Dense(3))
x = normal(B, D)


def test_one_line_for_each_call_of_a_layer() -> None:
    summary = bp.summarize(model, x)
    assert [line.path for line in summary.layers] == ["0", "1", "2/norm", "2/dense", "3"]
    assert [line.parameters for line in summary.layers] == [48, 0, 16, 72, 27]
    assert summary.parameters == 163
    assert summary.layers[-1].output.shape == (B, 3)


def test_an_array_saved_twice_counts_once_in_the_total() -> None:
    """Tanh's output is the norm's input; the norm's output, the dense layer's input, is not saved; the sum is."""
    wide = B * 8 * 4
    assert bp.residual_bytes(model, x) == x.nbytes + wide + 2 * B * 4 + wide
    assert sum(line.residual_bytes for line in bp.summarize(model, x).layers) > bp.residual_bytes(model, x)


def test_nothing_is_computed() -> None:
    huge = jax.ShapeDtypeStruct((10**6, 10**5), jnp.float32)
    assert bp.residual_bytes(bp.Dense(10), huge) == 4 * 10**11
    assert bp.summarize(bp.Dense(10), huge).parameters == 10**6 + 10


def test_layers_within_a_scan_are_listed_once() -> None:
    scanned = bp.scan(bp.skip(bp.Dense(D)), 7)
    summary = bp.summarize(scanned, x)
    assert [(line.path, line.parameters) for line in summary.layers] == [("", D * D + D)]
    assert summary.parameters == 7 * (D * D + D)
    assert summary.residual_bytes == 7 * x.nbytes


def test_initializers_are_left_out() -> None:
    layer = bp.Dense(8, use_bias=False, kernel_init=bp.initializers.normal(0.1))
    assert "  Dense(features=8, use_bias=False)  " in str(bp.summarize(layer, x))


def test_the_table_lines_up() -> None:
    lines = str(bp.summarize(model, x)).splitlines()
    assert lines[0].split() == ["path", "layer", "output", "parameters", "residual", "bytes"]
    assert "Dense(features=8)" in lines[1] and "float32[4, 8]" in lines[1]
    assert lines[-1].split() == ["total", "163", f"{bp.residual_bytes(model, x):,}"]


def test_a_cell_is_told_of_by_what_holds_it() -> None:
    """The loop calls more of a cell than its forward, so nothing may stand between the two."""
    recurrent = bp.recurrent(bp.LSTMCell(6))
    summary = bp.summarize(bp.chain(recurrent, bp.Dense(2)), jax.ShapeDtypeStruct((B, 7, D), jnp.float32))
    assert [(line.layer, line.parameters) for line in summary.layers] == [
        (recurrent, 4 * 6 * (D + 6 + 1)),
        (bp.Dense(2), 14),
    ]


def test_what_a_layer_asks_of_those_in_it_is_there() -> None:
    """Their class, their fields, and not their forward alone."""
    glu = bp.summarize(bp.GLU(bp.SiLU()), normal(2, 4))
    assert [line.layer for line in glu.layers] == [bp.SiLU()]
    sentences = np.zeros((2, 5), np.int32), np.array([5, 2]), np.zeros((2, 4), np.int32)
    summary = bp.summarize(bp.models.transformer(7, None, 8, 12, layers=2, num_heads=2), sentences)
    assert [line.path for line in summary.layers if isinstance(line.layer, bp.Embedding)] == ["embedding"] * 2
