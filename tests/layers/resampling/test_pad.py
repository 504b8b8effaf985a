import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.oracles.layers import jacobian

# torch 2.13: F.pad of [1, 2, 3, 4] by (3, 2), and its gradient for the cotangent [1, ..., 9].
PYTORCH = [
    ("constant", [0, 0, 0, 1, 2, 3, 4, 0, 0], [4, 5, 6, 7]),
    ("reflect", [4, 3, 2, 1, 2, 3, 4, 3, 2], [4, 17, 16, 8]),
    ("edge", [1, 1, 1, 1, 2, 3, 4, 4, 4], [10, 5, 6, 24]),
    ("wrap", [2, 3, 4, 1, 2, 3, 4, 1, 2], [12, 15, 8, 10]),
]


@pytest.mark.parametrize(("mode", "expected", "expected_gradient"), PYTORCH)
def test_one_axis_is_that_of_pytorch(mode: str, expected: list[int], expected_gradient: list[int]) -> None:
    layer = bp.Pad(((3, 2),), mode)
    y, _, residuals = layer.forward((), (), jnp.arange(1.0, 5.0)[None, :, None])
    assert y[0, :, 0].tolist() == expected
    assert layer.backward((), residuals, jnp.arange(1.0, 10.0)[None, :, None])[1][0, :, 0].tolist() == expected_gradient


# torch 2.13: F.pad of [1, 2, 3, 4] by (-1, 2), the constant 9
@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (bp.Pad(((-1, 2),), value=9.0), [2, 3, 4, 9, 9]),
        (bp.Pad(((-1, 2),), "reflect"), [2, 3, 4, 3, 2]),
        (bp.Pad(((-1, 2),), "edge"), [2, 3, 4, 4, 4]),
        (bp.Pad(((-1, 2),), "wrap"), [2, 3, 4, 2, 3]),
    ],
    ids=str,
)
def test_a_negative_width_crops_before_anything_is_padded(layer: bp.Layer, expected: list[int]) -> None:
    y, _, residuals = layer.forward((), (), jnp.arange(1.0, 5.0)[None, :, None])
    assert y[0, :, 0].tolist() == expected
    assert layer.backward((), residuals, y)[1][0, 0, 0] == 0


@pytest.mark.parametrize(
    ("mode", "pads"),
    [
        ("constant", ((4, 0), (1, 2))),
        ("edge", ((5, 4), (0, 3))),
        ("reflect", ((2, 1), (3, 3))),
        ("symmetric", ((3, 3), (4, 0))),
        ("wrap", ((3, 1), (4, 4))),
    ],
)
def test_value_and_gradient_are_those_of_numpy(mode: str, pads: tuple) -> None:
    x, layer = normal(2, 3, 4, 1), bp.Pad(pads, mode)
    twin = lambda x: np.pad(x, ((0, 0), *pads, (0, 0)), mode)
    y, _, residuals = layer.forward((), (), jnp.asarray(x))
    np.testing.assert_array_equal(y, twin(x))
    dy = normal(*y.shape)
    expected = dy.ravel().astype(np.float64) @ jacobian(twin, x.astype(np.float64))
    np.testing.assert_allclose(np.ravel(layer.backward((), residuals, jnp.asarray(dy))[1]), expected, atol=1e-5)


def test_one_number_is_for_all_sides_and_minus_it_takes_the_border_off() -> None:
    x = jnp.asarray(normal(1, 2, 3, 2, 1))
    y, _, _ = bp.Pad(2, "symmetric").forward((), (), x)
    assert y.shape == (1, 6, 7, 6, 1)
    np.testing.assert_array_equal(bp.Pad((-2, -2, -2)).forward((), (), y)[0], x)
    assert bp.residual_bytes(bp.Pad(2, "edge"), x) == 0
    assert hash(bp.Pad([1, (2, 3)])) == hash(bp.Pad(((1, 1), (2, 3))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bp.Pad(1, "circular"), "Pad needs a mode of constant, edge, .* not 'circular'"),
        (lambda: bp.Pad(1, "wrap", 2.0), "fills with value=2.0 in mode 'constant' only, not in 'wrap'"),
        (lambda: bp.Pad(((1, 2, 3),)), r"a number or pair for each axis, not \(\(1, 2, 3\),\)"),  # type: ignore[arg-type]
        (lambda: bp.Pad(()), "one whole number, or a number or pair for each axis"),
        (lambda: bp.Pad((0.5,)), "one whole number"),  # type: ignore[arg-type]
        (lambda: bp.Pad(0.5), "or a number or pair for each axis, not 0.5"),  # type: ignore[arg-type]
    ],
)
def test_bad_hyper_parameters(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (bp.Pad(((3, 0), (0, 0)), "reflect"), r"at most 2 elements to axis 1 of an input of shape \[1, 3, 4, 1\]"),
        (bp.Pad((0, 5), "wrap"), "at most 4 elements to axis 2"),
        (bp.Pad(((-1, 3), 0), "symmetric"), "at most 2 elements to axis 1"),
        (bp.Pad((-2, 0)), "leaves nothing of axis 1"),
        (bp.Pad((1,)), "1 spatial axes"),
    ],
    ids=str,
)
def test_bad_input(layer: bp.Layer, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.forward((), (), jnp.zeros((1, 3, 4, 1)))
