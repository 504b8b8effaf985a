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
    "same": Case(bp.Conv(3, (3,)), (2, 5, 2), (5,), (1,)),
    "one place": Case(bp.Conv(3, (3,)), (2, 1, 2), (1,), (1,)),
    "same, odd element after": Case(bp.Conv(2, (4,), strides=3), (2, 7, 3), (3,), (1,)),
    "kernel larger than image": Case(bp.Conv(2, (5,), padding=((2, 1),)), (2, 3, 2), (2,), (2,)),
    "stride larger than kernel": Case(bp.Conv(2, (2,), strides=5), (2, 11, 2), (3,), (0,)),
    "last elements skipped": Case(bp.Conv(2, (2,), strides=4, padding="VALID"), (2, 9, 2), (2,), (0,)),
    "two taps read only padding": Case(bp.Conv(2, (3,), padding=((3, 2),), kernel_dilation=3), (2, 2, 2), (1,), (3,)),
    "every tap does": Case(bp.Conv(2, (2,), strides=2, padding=((1, 2),), kernel_dilation=2), (2, 1, 2), (1,), (1,)),
    "stride and dilation share a factor": Case(
        bp.Conv(2, (3,), strides=4, padding="VALID", kernel_dilation=6), (1, 18, 2), (2,), (0,)
    ),
    "circular, even kernel": Case(bp.Conv(2, (4,), strides=2, padding="CIRCULAR"), (2, 5, 2), (3,), (1,)),
    "circular, dilated": Case(bp.Conv(2, (3,), padding="CIRCULAR", kernel_dilation=2), (2, 4, 2), (4,), (2,)),
    "circular, groups": Case(
        bp.Conv(4, (3, 2), padding="CIRCULAR", feature_group_count=2), (2, 3, 4, 2), (3, 4), (1, 0)
    ),
    "all at once": Case(
        bp.Conv(6, (3, 2), (2, 1), ((0, 2), (1, 0)), kernel_dilation=(1, 2), feature_group_count=2),
        (2, 5, 6, 4), (3, 5), (0, 1),
    ),
    "depthwise with a multiplier": Case(bp.Conv(6, (3, 3), 2, feature_group_count=3), (2, 4, 5, 3), (2, 3), (0, 1)),
    "one pixel": Case(bp.Conv(3, (1, 1), strides=2, use_bias=False), (2, 5, 4, 2), (3, 2), (0, 0)),
    "three axes": Case(
        bp.Conv(4, (2, 3, 2), (1, 2, 3), padding=1, feature_group_count=2), (1, 3, 4, 4, 4), (4, 2, 2), (1, 1, 1)
    ),
    "three axes, depthwise": Case(bp.Conv(2, (1, 2, 3), feature_group_count=2), (1, 2, 3, 3, 2), (2, 3, 3), (0, 0, 1)),
}  # fmt: skip


@cache
def _results() -> dict[str, PyTree]:
    return results(CASES)


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_of_the_slow_twin(name: str) -> None:
    case = CASES[name]
    params, x, dy = given(case)
    y, dx, dw = oracle.convolution(x, params["w"], dy, oracle_reads(case), case.layer.feature_group_count)
    expected = {"w": dw} | ({"b": dy.sum(tuple(range(dy.ndim - 1)))} if "b" in params else {})
    actual_y, dparams, actual_dx = _results()[name]
    assert actual_y.dtype == np.float64
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12),
        (actual_y, dparams, actual_dx),
        (y + params.get("b", 0), expected, dx),
    )


def test_by_hand() -> None:
    """The kernel is not flipped: [1, 2] at the first place is 1*3 + 2*10."""
    params = {"w": jnp.array([3.0, 10.0]).reshape(2, 1, 1), "b": jnp.array([0.5])}
    y, state, _ = bp.Conv(1, (2,), padding="VALID").forward(params, (), jnp.array([1.0, 2.0, 4.0]).reshape(1, 3, 1))
    assert y.ravel().tolist() == [23.5, 46.5] and state == ()


def test_initial_parameters() -> None:
    layer = bp.Conv(300, (3, 2), feature_group_count=2)
    params, state = layer.init(jax.random.key(0), jax.ShapeDtypeStruct((7, 4, 4, 40), jnp.bfloat16))
    assert params["w"].shape == (3, 2, 20, 300) and params["w"].dtype == jnp.float32 and state == ()
    assert np.std(params["w"]) == pytest.approx((3 * 2 * 20) ** -0.5, rel=0.02)  # an output reads so many inputs
    assert params["b"].shape == (300,) and not params["b"].any()
    assert set(bp.Conv(4, (1,), use_bias=False).init(jax.random.key(0), normal(1, 2, 3))[0]) == {"w"}


@pytest.mark.parametrize("padding", ["SAME", "CIRCULAR"])
def test_x_alone_is_saved_and_without_the_border(padding: str) -> None:
    x = normal(2, 5, 4, 3)
    layer = bp.Conv(7, (3, 3), padding=padding)
    params, _ = layer.init(jax.random.key(0), x)
    x = jnp.asarray(x)
    assert layer.forward(params, (), x)[2] is x
    assert bp.residual_bytes(layer, x) == x.nbytes


def test_each_cotangent_has_the_dtype_of_its_primal() -> None:
    x = jnp.asarray(normal(2, 5, 3), jnp.bfloat16)
    params, _ = bp.Conv(4, (3,), strides=2).init(jax.random.key(0), x)
    y, _, residuals = bp.Conv(4, (3,), strides=2).forward(params, (), x)
    dparams, dx = bp.Conv(4, (3,), strides=2).backward(params, residuals, y)
    assert y.dtype == jnp.float32 and residuals.dtype == dx.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(dparams)} == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (bp.Conv(2, (3,)), (4, 3), r"\(batch, 1 spatial axes, channels\), not \[4, 3\]"),
        (bp.Conv(2, (3, 3)), (1, 4, 4, 1, 3), r"\(batch, 2 spatial axes, channels\), not \[1, 4, 4, 1, 3\]"),
        (bp.Conv(2, (3,)), (1, 4, 2), r"was initialized for inputs of 3 channels, but was given \[1, 4, 2\]"),
        (bp.Conv(2, (3,), feature_group_count=2), (1, 4, 3), r"for inputs of 6 channels, but was given \[1, 4, 3\]"),
        (
            bp.Conv(2, (3,), padding="VALID"),
            (1, 2, 3),
            "a window of 3, larger than the 2 elements of an axis padded by 0",
        ),
        (bp.Conv(2, (3,), padding=((1, 0),)), (1, 1, 3), "the 1 elements of an axis padded by 1 and 0: use a smaller"),
        (bp.Conv(2, (3,), padding=1, kernel_dilation=4), (1, 6, 3), "a window of 9, larger than the 6 elements"),
        (bp.Conv(2, (3,)), (1, 0, 3), "a window of 3, larger than the 0 elements"),
        (
            bp.Conv(2, (3, 7), padding="CIRCULAR"),
            (1, 2, 2, 3),
            "wraps 3 elements around axis 2, which has 2: use a smaller kernel or larger inputs",
        ),
    ],
    ids=str,
)
def test_bad_input(layer: bp.Conv, shape: tuple[int, ...], message: str) -> None:
    params = {"w": np.zeros((*layer.kernel_size, 3, 2), np.float32), "b": np.zeros(2, np.float32)}
    with pytest.raises(ValueError, match=rf"Conv\(features=2, .* {message}"):
        layer.forward(params, (), jnp.zeros(shape))


@pytest.mark.parametrize("make", [bp.Conv, bp.ConvTranspose])
def test_input_without_parameters_for_it(make) -> None:
    for channels in (0, 3):
        message = rf"number of channels that feature_group_count=2 divides, 1 or more, .* \[1, 4, {channels}\]"
        with pytest.raises(ValueError, match=message):
            make(4, (3,), feature_group_count=2).init(jax.random.key(0), jnp.zeros((1, 4, channels)))
    with pytest.raises(ValueError, match=r"floating point input, not int32\[1, 4, 3\]"):
        make(4, (3,)).init(jax.random.key(0), jnp.zeros((1, 4, 3), jnp.int32))
    with pytest.raises(ValueError, match=r"\(batch, 1 spatial axes, channels\), not \[4, 3\]"):
        make(4, (3,)).init(jax.random.key(0), jnp.zeros((4, 3)))
