import jax

from backprop_jax.models import linear_softmax
from tests.models.gradients import assert_gradient_is_that_of_jax_grad


def test_gradient() -> None:
    x = jax.random.normal(jax.random.key(1), (5, 3, 2))
    assert_gradient_is_that_of_jax_grad(linear_softmax(classes=4), x, classes=4)
