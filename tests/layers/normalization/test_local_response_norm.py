import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal
from tests.layers.normalization.running import run
from tests.oracles import normalization as oracle
from tests.oracles.layers import jacobian


@pytest.mark.parametrize("options", [(1, 0.5, 0.75, 1.0), (3, 2.0, 0.5, 2.0), (4, 0.5, 0.75, 1.5), (9, 1.0, 0.6, 1.0)])
def test_value_and_gradient_are_those_of_the_slow_twin(options) -> None:
    layer, twin = bp.LocalResponseNorm(*options), lambda x: oracle.local_response_norm(x, *options)
    x, dy = normal(2, 5, scale=2.0), normal(2, 5)[..., ::-1]
    y, _, _, dx = run(layer, (), (), x, dy)
    np.testing.assert_allclose(y, twin(x.astype(np.float64)), rtol=1e-5, atol=1e-6)
    expected = dy.ravel().astype(np.float64) @ jacobian(twin, x.astype(np.float64))
    np.testing.assert_allclose(np.ravel(dx), expected, rtol=1e-4, atol=1e-5)


def test_saves_x_alone() -> None:
    x = jnp.asarray(normal(2, 5), jnp.bfloat16)
    y, _, residuals = bp.LocalResponseNorm().forward((), (), x)
    assert residuals is x and y.dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size of whole channels, 1 or more, not 0"),
        ({"alpha": -1.0}, "alpha of 0 or more and a positive k, not -1.0 and 1.0"),
        ({"k": 0.0}, "a positive k, not 0.0001 and 0.0"),
    ],
)
def test_bad_hyper_parameters(options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bp.LocalResponseNorm(**options)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"floating point input, not int32\[2, 3\]"):
        bp.LocalResponseNorm().forward((), (), ids(2, 3, below=4))
