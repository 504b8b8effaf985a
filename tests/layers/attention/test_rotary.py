from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal
from tests.oracles.attention import rotary

LAYERS = [
    bp.RotaryEmbedding(),
    bp.RotaryEmbedding(interleaved=True),
    bp.RotaryEmbedding(base=50.0, rotary_dim=4),
    bp.RotaryEmbedding(rotary_dim=2, interleaved=True),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_is_the_definition(layer: bp.RotaryEmbedding) -> None:
    x, places = normal(2, 5, 3, 6), ids(2, 5, below=100)
    rest = layer.base, layer.interleaved, layer.rotary_dim or 6
    counted = np.broadcast_to(np.arange(5), (2, 5))
    np.testing.assert_allclose(layer.forward((), (), x)[0], rotary(x, counted, *rest), atol=2e-6)
    np.testing.assert_allclose(layer.forward((), (), (x, places))[0], rotary(x, places, *rest), atol=2e-5)
    np.testing.assert_allclose(
        layer.forward((), (), (x, places[0]))[0], rotary(x, places[:1].repeat(2, 0), *rest), atol=2e-5
    )


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_products_tell_the_distance_alone(layer: bp.RotaryEmbedding) -> None:
    q, k = normal(1, 1, 1, 6), normal(1, 1, 1, 6, scale=2.0)

    def product(m: int, n: int) -> float:
        turned_q, turned_k = (
            np.asarray(layer.forward((), (), (part, np.array([place])))[0], np.float64)
            for part, place in ((q, m), (k, n))
        )
        return float(np.sum(turned_q * turned_k))

    assert product(3, 1) == pytest.approx(product(40, 38), abs=1e-4)
    assert product(3, 1) != pytest.approx(product(3, 2), abs=1e-2)
    assert product(0, 0) == pytest.approx(float(np.sum(q * k)), abs=1e-5)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_backward_turns_back(layer: bp.RotaryEmbedding) -> None:
    x, places = normal(2, 5, 3, 6), ids(2, 5, below=100)
    y, _, residuals = layer.forward((), (), (x, places))
    _, (back, none) = layer.backward((), residuals, y)
    np.testing.assert_allclose(back, x, atol=2e-6)
    assert none is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": 0.0}, "a base above 0, not 0.0"),
        ({"base": float("nan")}, "a base above 0, not nan"),
        ({"rotary_dim": 3}, "rotary_dim must be even and above 0, not 3"),
        ({"rotary_dim": 0}, "rotary_dim must be even and above 0, not 0"),
    ],
)
def test_hyper_parameters_out_of_range(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(bp.RotaryEmbedding(), **options)


X = np.zeros((2, 5, 3, 6), np.float32)


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (bp.RotaryEmbedding(), X[..., :5], r"turns pairs .* was given \[2, 5, 3, 5\]"),
        (bp.RotaryEmbedding(rotary_dim=8), X, r"turns pairs .* was given \[2, 5, 3, 6\]"),
        (bp.RotaryEmbedding(), X[0], r"at least 4 axes, not of shape \[5, 3, 6\]"),
        (bp.RotaryEmbedding(), (X, np.arange(4)), r"whole numbers, not int64\[4\]"),
        (bp.RotaryEmbedding(), (X, np.zeros((1, 5), np.int32)), r"places \(T,\) or \(B, T\), .*, not int32\[1, 5\]"),
        (bp.RotaryEmbedding(), (X, np.zeros(5, np.float32)), r"whole numbers, not float32\[5\]"),
        (bp.RotaryEmbedding(), (X,), "a tuple of 2 inputs, not a tuple of 1"),
    ],
)
def test_bad_input(layer: bp.Layer, x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.forward((), (), x)
