import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.models.residual_blocks import (
    basic_branch,
    bottleneck_branch,
    conv,
    last_norm,
    projection,
    residual_block,
)

X = jax.nn.relu(jax.random.normal(jax.random.key(0), (2, 5, 4, 8)))  # what a block sees: the output of a ReLU


def _outputs(*layers: bp.Layer) -> list[jax.Array]:
    """What layers with the same parameters and state make of X."""

    def run() -> list[jax.Array]:
        params, state = layers[0].init(jax.random.key(1), X)
        return [layer.forward(params, state, X)[0] for layer in layers]

    return jax.jit(run)()


@pytest.mark.parametrize("branch", [basic_branch(8, 1, last_norm(True)), bottleneck_branch(2, 1, last_norm(True))])
def test_with_a_last_scale_of_zero_a_block_is_the_identity(branch: bp.Layer) -> None:
    (y,) = _outputs(residual_block(branch))
    np.testing.assert_array_equal(y, X)


def test_with_a_last_scale_of_zero_a_block_is_its_shortcut() -> None:
    beside = bp.fan_out(branch=basic_branch(6, 2, last_norm(True)), shortcut=projection(6, 2))
    joined, apart = _outputs(
        residual_block(beside.layer.children.layers[0], projection(6, 2)), bp.chain(skip=beside, relu=bp.Identity())
    )
    np.testing.assert_allclose(joined, jax.nn.relu(apart["shortcut"]), rtol=1e-5, atol=1e-6)
    assert np.any(joined > 0)


def test_a_block_adds_its_branch() -> None:
    branch = basic_branch(8, 1, last_norm(False))
    y, added = _outputs(residual_block(branch), bp.chain(skip=branch, relu=bp.Identity()))
    np.testing.assert_allclose(y, jax.nn.relu(X + added), rtol=1e-6)
    assert float(np.std(added)) > 0.5


def test_the_stride_of_a_bottleneck_is_in_its_3x3() -> None:
    children = bottleneck_branch(4, 2, last_norm(False)).children
    layers = dict(zip(children.names or (), children.layers, strict=True))
    assert layers["conv1"] == conv(4, 1) and layers["conv2"] == conv(4, 3, strides=2)


def test_weights_start_with_he_variance_by_fan_out() -> None:
    params, _ = conv(64, 3).init(jax.random.key(0), jax.numpy.zeros((1, 8, 8, 16)))
    w = np.asarray(params["w"])
    std = np.sqrt(2 / (3 * 3 * 64))
    assert abs(w.std() / std - 1) < 0.03  # 9,216 draws: the standard error is 0.7 %
    assert abs(w.mean() / std) < 0.04
    assert np.abs(w).max() > 3 * std  # a normal distribution, not a truncated or a uniform one
    assert set(params) == {"w"}
