import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax.core.checks import require_float


@pytest.mark.parametrize("good", [jnp.ones(2), jnp.ones(2, jnp.bfloat16), jax.ShapeDtypeStruct((2,), jnp.float32)])
def test_floating_point_arrays_and_their_shapes_pass(good) -> None:
    require_float(bp.ReLU(), good, rank=1)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (jnp.arange(2), r"ReLU\(\) needs a floating point input, not int32\[2\]: convert it"),
        (jnp.ones(2, bool), r"not bool\[2\]"),
        (jnp.ones(()), r"at least 1 axes, not of shape \[\]"),
        ((jnp.ones(2),), "takes one array"),
        ([1.0], "takes one array"),
    ],
)
def test_everything_else_is_named(bad, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_float(bp.ReLU(), bad, rank=1)


def test_what_is_no_layer_is_refused_by_every_combinator() -> None:
    for make in (bp.skip, bp.first, bp.remat, bp.chain, bp.parallel, bp.fan_out):
        with pytest.raises(TypeError, match="takes layers, not 3"):
            make(3)
    for make in (lambda: bp.scan(3, 2), lambda: bp.cast(3, "bfloat16"), lambda: bp.reparameterize(3, abs)):
        with pytest.raises(TypeError, match="takes layers, not 3"):
            make()
    with pytest.raises(TypeError, match="supervised takes layers, not 'mse'"):
        bp.supervised(bp.ReLU(), "mse")


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (bp.first(bp.ReLU()), {"a": jnp.ones((2, 3))}, "needs a tuple, not a dict"),
        (bp.parallel(bp.ReLU(), bp.Tanh()), jnp.ones((2, 3)), r"needs a tuple of 2 inputs, not a .*\[2, 3\]"),
        (
            bp.parallel(bp.ReLU(), bp.Tanh()),
            {"a": jnp.ones(1), "b": jnp.ones(1)},
            "needs a tuple of 2 inputs, not a dict",
        ),
        (bp.parallel(a=bp.ReLU()), (jnp.ones(1),), "needs a dict of the inputs a, not a tuple of 1"),
        (bp.select(0), jnp.ones((2, 3)), "that has no components"),
        (bp.supervised(bp.ReLU(), bp.losses.MeanSquaredError()), jnp.ones((2, 3)), "needs a tuple of 2 inputs"),
    ],
    ids=repr,
)
def test_an_array_is_not_taken_apart_for_components(layer: bp.Layer, x, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        params, state = layer.init(jax.random.key(0), x)
        layer.forward(params, state, x)
