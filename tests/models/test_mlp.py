import jax

import backprop_jax as bp
from backprop_jax.models import mlp
from tests.models.gradients import assert_gradient_is_that_of_jax_grad

X = jax.random.normal(jax.random.key(1), (5, 3, 2))


def test_gradient() -> None:
    assert_gradient_is_that_of_jax_grad(mlp((7, 6), classes=4, rate=0.5, activation=bp.Tanh()), X, classes=4)


def test_widths_activation_and_dropout_stand_where_they_should() -> None:
    layers = mlp((7,), classes=4, rate=0.5, activation=bp.ReLU()).children.layers
    assert layers == (bp.Flatten(), bp.Dense(7), bp.ReLU(), bp.Dropout(0.5), bp.Dense(4))
    assert mlp((), classes=4).children.layers == (bp.Flatten(), bp.Dense(4))


def test_equal_models_are_equal_values() -> None:
    assert mlp() == mlp()
    assert hash(mlp()) == hash(mlp())
