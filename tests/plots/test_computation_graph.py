"""The graph tells layers, shapes and what is saved."""

import io

import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax import plots
from backprop_jax.plots.paper import BLUE, ORANGE


def _texts(model: bp.Layer, x: object) -> list[str]:
    return [text.get_text() for text in plots.plot_computation_graph(model, x).axes[0].texts if text.get_text()]


def _arrows(model: bp.Layer, x: object) -> dict[str, int]:
    annotations = plots.plot_computation_graph(model, x).axes[0].texts
    colors = [own.arrowprops["color"] for own in annotations if getattr(own, "arrowprops", None)]
    return {color: colors.count(color) for color in (BLUE, ORANGE)}


def test_a_chain_tells_shapes_parameters_and_what_is_saved() -> None:
    texts = _texts(bp.chain(bp.Dense(3), bp.Tanh(), bp.LayerNorm()), jnp.zeros((4, 5)))
    assert texts[3:] == [
        "float32[4, 5]", "Dense(features=3)", "b [3], w [5, 3]", "saves x", "float32[4, 3]", "Tanh()", "saves y",
        "float32[4, 3]", "LayerNorm()", "scale [3], shift [3]", "saves x, float32[4, 1], float32[4, 1]",
        "float32[4, 3]",
    ]  # fmt: skip


def test_there_is_no_way_back_to_whole_numbers() -> None:
    assert _arrows(bp.chain(bp.Embedding(7, 3), bp.Dense(2)), jnp.zeros((4,), jnp.int32)) == {BLUE: 3, ORANGE: 2}


def test_skips_branches_and_frames() -> None:
    skip = bp.skip(bp.Dense(5))
    assert _arrows(skip, jnp.zeros((4, 5))) == {BLUE: 5, ORANGE: 5}  # in, around, into and out of the layer, out
    assert "+" in _texts(skip, jnp.zeros((4, 5)))
    fan = bp.fan_out(bp.Dense(2), bp.chain(bp.ReLU(), bp.Dense(3)), join=bp.Concatenate())
    assert _arrows(fan, jnp.zeros((4, 5))) == {BLUE: 7, ORANGE: 7}
    assert "Concatenate()" in _texts(fan, jnp.zeros((4, 5)))
    texts = _texts(bp.scan(bp.remat(bp.Dense(5)), 3), jnp.zeros((4, 5)))
    assert "Scan(depth=3)" in texts and "Remat() saves x alone" in texts


def test_an_objective_and_a_model_that_is_no_chain() -> None:
    objective = bp.supervised(bp.Dense(3), bp.losses.CrossEntropy())
    texts = _texts(objective, (jnp.zeros((4, 5)), jnp.zeros(4, jnp.int32)))
    assert texts[-3:] == ["CrossEntropy()", texts[-2], "float32[]"] and "float32[4, 3], int32[4]" in texts
    texts = _texts(bp.models.gpt(11, 4, 8, 2, 2), jnp.zeros((2, 4), jnp.int32))
    assert "LanguageModel()" in texts and "Scan(depth=2)" in texts and "table [11, 8]" in texts


def test_nothing_is_computed_and_svg_is_written() -> None:
    file = io.StringIO()
    x = jax.ShapeDtypeStruct((10**6, 10**5), jnp.float32)  # which no memory would hold
    plots.plot_computation_graph(bp.Dense(10**5), x).savefig(file, format="svg")
    assert file.getvalue().count("<svg") == 1


def test_inputs_of_another_model_are_refused() -> None:
    with pytest.raises(ValueError):
        plots.plot_computation_graph(bp.Conv(3, (3, 3)), jnp.zeros((2,)))
