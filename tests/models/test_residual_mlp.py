import jax

from backprop_jax.models import residual_mlp
from tests.models.gradients import assert_gradient_is_that_of_jax_grad

X = jax.random.normal(jax.random.key(1), (5, 3, 2))


def test_gradient() -> None:
    assert_gradient_is_that_of_jax_grad(residual_mlp(width=6, depth=2, classes=4, rate=0.5), X, classes=4)


def test_the_parameters_have_names() -> None:
    params, _ = residual_mlp(width=6, depth=2, classes=4).init(jax.random.key(0), X)
    assert {"embed", "block0", "block1", "norm", "readout"} <= set(params)
