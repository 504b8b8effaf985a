import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.oracles import resampling as oracle
from tests.oracles.layers import jacobian

# torch 2.13: F.interpolate of [1, 2, 4, 8, 16] to this length, and its gradient for the cotangent [1, 2, 3, ...].
PYTORCH = [
    ("nearest", False, [1, 2, 8], [1, 2, 0, 3, 0]),
    ("bilinear", False, [1.333333, 4, 13.333332], [0.666667, 0.333333, 2, 1, 2]),
    ("bilinear", True, [1, 4, 16], [1, 0, 2, 0, 3]),
    ("bilinear", False, [4], [0, 0, 1, 0, 0]),
    ("bilinear", True, [1], [1, 0, 0, 0, 0]),
    ("nearest", False, [1, 1, 2, 4, 4, 8, 16], [3, 3, 9, 6, 7]),
    (
        "bilinear",
        False,
        [1, 1.571429, 2.571429, 4, 6.857143, 11.428572, 16],
        [1.857143, 3.285714, 6.285714, 7, 9.571428],
    ),
    (
        "bilinear",
        True,
        [1, 1.666667, 2.666667, 4, 6.666667, 10.666668, 16],
        [1.666667, 3.333333, 6.666666, 7.333333, 9],
    ),
]


@pytest.mark.parametrize(("method", "align_corners", "expected", "expected_gradient"), PYTORCH)
def test_one_axis_is_that_of_pytorch(method: str, align_corners: bool, expected, expected_gradient) -> None:
    layer = bp.Resize((len(expected),), method, align_corners)
    y, _, residuals = layer.forward((), (), jnp.array([1.0, 2.0, 4.0, 8.0, 16.0])[None, :, None])
    np.testing.assert_allclose(y[0, :, 0], expected, rtol=1e-6)
    _, dx = layer.backward((), residuals, 1 + jnp.arange(float(len(expected)))[None, :, None])
    np.testing.assert_allclose(dx[0, :, 0], expected_gradient, rtol=2e-6)


def test_two_and_three_axes_are_those_of_pytorch() -> None:
    image = jnp.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])[None, ..., None]
    y, _, _ = bp.Resize((3, 4), "bilinear").forward((), (), image)
    np.testing.assert_allclose(y[0, ..., 0], [[1, 1.625, 2.75, 4], [4.5, 7.3125, 12.375, 18], [8, 13, 22, 32]])
    y, _, _ = bp.Upsample((1, 2), "bilinear", align_corners=True).forward((), (), image)
    np.testing.assert_allclose(y[0, 0, :, 0], [1, 1.4, 1.8, 2.4, 3.2, 4], rtol=1e-6)
    volume = (2.0 ** jnp.arange(8)).reshape(1, 2, 2, 2, 1)
    y, _, _ = bp.Resize((3, 1, 3), "bilinear", align_corners=True).forward((), (), volume)
    np.testing.assert_allclose(y[0, :, 0, :, 0], [[1, 1.5, 2], [8.5, 12.75, 17], [16, 24, 32]])


@pytest.mark.parametrize(
    ("x", "shape", "method", "align_corners"),
    [
        (normal(2, 5, 4, 2), (3, 7), "nearest", False),
        (normal(1, 2, 3, 2, 2), (3, 1, 2), "bilinear", True),
        (normal(1, 2, 1), (80,), "bilinear", False),  # the backward of one element reads more than MOST_READS
    ],
    ids=lambda value: str(getattr(value, "shape", value)),
)
def test_value_and_gradient_are_those_of_the_slow_twin(x, shape, method: str, align_corners: bool) -> None:
    twin = lambda x: oracle.resize(x, shape, method, align_corners)
    layer = bp.Resize(shape, method, align_corners)
    y, _, residuals = layer.forward((), (), jnp.asarray(x))
    np.testing.assert_allclose(y, twin(x.astype(np.float64)), rtol=1e-5, atol=1e-6)
    dy = normal(*y.shape, scale=2.0)
    _, dx = layer.backward((), residuals, jnp.asarray(dy))
    expected = dy.ravel().astype(np.float64) @ jacobian(twin, x.astype(np.float64))
    np.testing.assert_allclose(np.ravel(dx), expected, rtol=1e-4, atol=1e-5)


def test_nearest_by_a_whole_factor_copies_and_its_backward_sums_the_copies() -> None:
    x, layer = jnp.asarray(normal(2, 3, 2, 3)), bp.Upsample((2, 3))
    y, _, residuals = layer.forward((), (), x)
    np.testing.assert_array_equal(y, np.repeat(np.repeat(x, 2, 1), 3, 2))
    _, dx = layer.backward((), residuals, y)
    np.testing.assert_allclose(dx, 6 * x, rtol=1e-6)


def test_an_infinite_element_reaches_only_what_reads_it() -> None:
    x = jnp.array([jnp.inf, 1.0, 2.0, 3.0])[None, :, None]
    for layer in (bp.Resize((2,)), bp.Resize((7,)), bp.Resize((2,), "bilinear"), bp.Upsample(2, "bilinear")):
        y, _, _ = layer.forward((), (), x)
        half = -(-y.shape[1] // 2)
        assert jnp.isfinite(y[0, half:]).all() and jnp.isposinf(y[0, 0]) and not jnp.isnan(y).any(), layer


@pytest.mark.parametrize(
    ("layer", "dy", "dx"),
    [
        (bp.Resize((2,)), [jnp.inf, 1.0], [jnp.inf, 0, 1, 0, 0]),  # two elements that no place is near
        (bp.Resize((3,), "bilinear", align_corners=True), [1.0, -jnp.inf, 2.0], [1, 0, -jnp.inf, 0, 2]),
    ],
    ids=str,
)
def test_an_infinite_cotangent_reaches_only_what_was_read(layer: bp.Layer, dy: list[float], dx: list[float]) -> None:
    _, _, residuals = layer.forward((), (), jnp.zeros((1, 5, 1)))
    np.testing.assert_array_equal(layer.backward((), residuals, jnp.array(dy)[None, :, None])[1][0, :, 0], dx)


def test_an_end_is_read_alone() -> None:
    y, _, _ = bp.Resize((4,), "bilinear").forward((), (), jnp.array([-jnp.inf, 1.0])[None, :, None])
    np.testing.assert_array_equal(y[0, :, 0], [-jnp.inf, -jnp.inf, -jnp.inf, 1])


def test_nothing_is_saved_and_the_layer_is_a_value() -> None:
    assert bp.residual_bytes(bp.Resize((3, 7), "bilinear"), normal(2, 5, 4, 2)) == 0
    assert hash(bp.Resize([3, 7])) == hash(bp.Resize((3, 7)))  # type: ignore[arg-type]
    assert bp.Upsample([2, 2]) == bp.Upsample((2, 2))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bp.Resize((3, 0)), r"Resize needs shape of 2 whole numbers, 1 or more, .* not \(3, 0\)"),
        (lambda: bp.Resize(7), r"Resize needs the length of each spatial axis, as in \(32, 32\), not 7"),  # type: ignore[arg-type]
        (lambda: bp.Resize(2.5), r"the length of each spatial axis, .* not 2.5"),  # type: ignore[arg-type]
        (lambda: bp.Upsample(2.5), "Upsample needs scale_factor of 1 whole numbers, .* not 2.5"),  # type: ignore[arg-type]
        (lambda: bp.Upsample(True), "Upsample needs scale_factor of 1 whole numbers, .* not True"),
        (lambda: bp.Resize(()), "Resize needs shape of 1 whole numbers"),
        (lambda: bp.Upsample(0), "Upsample needs scale_factor of 1 whole numbers, 1 or more"),
        (lambda: bp.Upsample((2, 1.5)), r"Upsample needs scale_factor .* not \(2, 1.5\)"),  # type: ignore[arg-type]
        (lambda: bp.Resize((3,), "cubic"), "Resize needs a method of 'nearest' or 'bilinear', not 'cubic'"),
        (lambda: bp.Upsample(2, align_corners=True), "corners to align for method='bilinear' only"),
    ],
)
def test_bad_hyper_parameters(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (bp.Resize((3, 7)), (2, 5, 3), r"needs an input of shape \(batch, 2 spatial axes, channels\), not \[2, 5, 3\]"),
        (bp.Upsample((2, 2)), (2, 5, 3), "2 spatial axes"),
        (bp.Upsample(2), (2, 3), r"1 spatial axes, channels\), not \[2, 3\]"),
        (bp.Resize((3,)), (2, 0, 3), r"nothing to read from an input of shape \[2, 0, 3\]"),
    ],
    ids=str,
)
def test_bad_input(layer: bp.Layer, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(layer.forward, (), (), jnp.zeros(shape))
    with pytest.raises(ValueError, match="floating point"):
        layer.forward((), (), jnp.zeros((2, 3, 3, 1), jnp.uint8))
