from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.core.layer import PyTree
from tests.catalogue import normal
from tests.layers.convolution.cases import Case, given, oracle_reads, results
from tests.oracles import convolution as oracle

CASES = {
    "same": Case(bp.ConvTranspose(3, (3,), strides=2), (2, 4, 2), (8,), (0,)),
    "same, wide kernel": Case(bp.ConvTranspose(3, (5,), strides=2), (2, 3, 2), (6,), (1,)),
    "stride larger than kernel": Case(bp.ConvTranspose(2, (2,), 3, "VALID"), (2, 3, 2), (8,), (0,)),
    "numbers": Case(bp.ConvTranspose(2, (3,), 2, padding=1), (2, 3, 2), (5,), (1,)),
    "one element more": Case(bp.ConvTranspose(2, (3,), 2, padding=1, output_padding=1), (2, 3, 2), (6,), (1,)),
    "and no padding there": Case(bp.ConvTranspose(2, (3,), 2, ((2, 0),), output_padding=1), (2, 3, 2), (6,), (2,)),
    "as many as the dilation allows": Case(
        bp.ConvTranspose(2, (2,), 2, padding=0, output_padding=2, kernel_dilation=3), (2, 2, 3), (8,), (0,)
    ),
    "circular": Case(bp.ConvTranspose(2, (4,), 2, "CIRCULAR"), (2, 3, 2), (6,), (1,)),
    "circular, as wide as the images": Case(bp.ConvTranspose(2, (5,), padding="CIRCULAR"), (2, 2, 2), (2,), (2,)),
    "groups": Case(
        bp.ConvTranspose(4, (2, 3), (2, 1), "VALID", feature_group_count=2), (2, 2, 3, 2), (4, 5), (0, 0)
    ),
    "a group for each channel": Case(bp.ConvTranspose(6, (3,), 2, feature_group_count=3), (2, 3, 3), (6,), (0,)),
    "a group for each feature": Case(bp.ConvTranspose(3, (3,), 2, feature_group_count=3), (2, 3, 6), (6,), (0,)),
    "three axes": Case(
        bp.ConvTranspose(2, (2, 2, 2), (1, 2, 3), use_bias=False), (1, 2, 2, 2, 3), (2, 4, 6), (0, 0, 0)
    ),
}  # fmt: skip


@cache
def _results() -> dict[str, PyTree]:
    return results(CASES)


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_of_the_slow_twin(name: str) -> None:
    case = CASES[name]
    params, x, dy = given(case)
    y, dx, dw = oracle.transposed(x, params["w"], dy, oracle_reads(case), case.layer.feature_group_count)
    expected = {"w": dw} | ({"b": dy.sum(tuple(range(dy.ndim - 1)))} if "b" in params else {})
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12),
        _results()[name],
        (y + params.get("b", 0), expected, dx),
    )


@pytest.mark.parametrize(
    ("options", "length", "output_padding"),
    [
        ({"strides": 2, "padding": 1}, 7, 0),
        ({"strides": 2, "padding": 1}, 8, 1),  # which are 4 places both
        ({"strides": 3, "padding": "SAME", "kernel_dilation": 2}, 6, 0),
        ({"strides": 2, "padding": "CIRCULAR"}, 6, 0),
        ({"padding": "VALID", "feature_group_count": 2}, 5, 0),
    ],
)
def test_it_is_the_adjoint_of_the_convolution(options: dict, length: int, output_padding: int) -> None:
    conv = bp.Conv(4, (3,), use_bias=False, **options)
    back = bp.ConvTranspose(2, (3,), use_bias=False, output_padding=output_padding, **options)
    x = jnp.asarray(normal(2, length, 2))
    params, _ = conv.init(jax.random.key(0), x)
    y, _, _ = conv.forward(params, (), x)
    other = jnp.asarray(normal(*y.shape)[..., ::-1])
    pulled, _, _ = back.forward({"w": params["w"].swapaxes(-1, -2)}, (), other)
    assert pulled.shape == x.shape
    np.testing.assert_allclose(jnp.vdot(y, other), jnp.vdot(x, pulled), rtol=1e-5)


def test_by_hand() -> None:
    """Each element writes the kernel, not flipped, where its window lies."""
    params = {"w": jnp.array([3.0, 10.0]).reshape(2, 1, 1), "b": jnp.array([0.5])}
    x = jnp.array([1.0, 2.0]).reshape(1, 2, 1)
    y, state, _ = bp.ConvTranspose(1, (2,), padding="VALID").forward(params, (), x)
    assert y.ravel().tolist() == [3.5, 16.5, 20.5] and state == ()


def test_initial_parameters_and_x_alone_is_saved() -> None:
    layer, x = bp.ConvTranspose(6, (3, 2), 2, feature_group_count=2), jnp.asarray(normal(2, 3, 3, 4))
    params, state = layer.init(jax.random.key(0), x)
    assert params["w"].shape == (3, 2, 4, 3) and params["b"].shape == (6,) and state == ()
    assert layer.forward(params, (), x)[2] is x
    assert bp.residual_bytes(layer, x) == x.nbytes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_padding": 1, "strides": 2}, "by number for an output_padding, .* padding 'SAME'"),
        (
            {"output_padding": 1, "strides": 2, "padding": "valid"},
            "by number for an output_padding, .* padding 'VALID'",
        ),
        (
            {"output_padding": 2, "strides": 2, "padding": 1},
            "one below the stride or the dilation, not 2 with stride 2, dilation 1 and padding 1",
        ),
        ({"output_padding": -1, "padding": 1}, "output_padding of 1 whole numbers, 0 or more, .* not -1"),
        ({"output_padding": 0.5, "padding": 1}, "output_padding of 1 whole numbers, 0 or more, .* not 0.5"),
        ({"output_padding": (0, 0), "padding": 1}, r"output_padding of 1 whole numbers, .* not \(0, 0\)"),
    ],
)
def test_bad_output_padding(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"ConvTranspose needs .*{message}"):
        bp.ConvTranspose(2, (3,), **options)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (bp.ConvTranspose(2, (3,)), (4, 3), r"\(batch, 1 spatial axes, channels\), not \[4, 3\]"),
        (bp.ConvTranspose(2, (3,)), (1, 4, 2), r"was initialized for inputs of 3 channels, but was given \[1, 4, 2\]"),
        (bp.ConvTranspose(2, (3,), padding=3), (1, 4, 3), r"leaves nothing of .* spatial axes \[4\]: use less padding"),
        (bp.ConvTranspose(2, (7,), padding="CIRCULAR"), (1, 2, 3), "wraps 3 elements around axis 1, which has 2"),
    ],
    ids=str,
)
def test_bad_input(layer: bp.ConvTranspose, shape: tuple[int, ...], message: str) -> None:
    params = {"w": np.zeros((*layer.kernel_size, 3, 2), np.float32), "b": np.zeros(2, np.float32)}
    with pytest.raises(ValueError, match=rf"ConvTranspose\(features=2, .* {message}"):
        layer.forward(params, (), jnp.zeros(shape))
