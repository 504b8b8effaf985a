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
