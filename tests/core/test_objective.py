import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal

objective = bp.supervised(bp.chain(bp.Dense(6), bp.Dropout(0.2), bp.Dense(3)), bp.losses.CrossEntropy())
batch = (normal(5, 4), ids(5, below=3))


def test_same_form_and_value_as_jax_value_and_grad() -> None:
    params, state = objective.init(jax.random.key(0), batch)
    (loss, new_state), gradient = bp.value_and_grad(objective)(params, state, batch)

    def by_jax(params):
        return objective.forward(params, state, batch)[:2]

    (expected_loss, expected_state), expected = jax.value_and_grad(by_jax, has_aux=True)(params)
    assert loss == expected_loss
    assert jax.tree.structure(new_state) == jax.tree.structure(expected_state) == jax.tree.structure(state)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), gradient, expected)


def test_a_parameter_that_no_cotangent_reaches_has_a_zero_gradient() -> None:
    model = bp.chain(bp.fan_out(bp.Dense(3), bp.Dense(2)), bp.select(0))
    unused = bp.supervised(model, bp.losses.CrossEntropy())
    params, state = unused.init(jax.random.key(0), batch)
    _, gradient = bp.value_and_grad(unused)(params, state, batch)
    assert jax.tree.structure(gradient) == jax.tree.structure(params)
    assert not gradient[0][1]["w"].any() and gradient[0][0]["w"].any()


def test_an_integer_parameter_has_the_gradient_none() -> None:
    def lookup(params, x):
        return x * params["scale"] + params["offset"]

    def init(key, x):
        return {"scale": jnp.ones(()), "offset": jnp.array(2)}

    total = bp.chain(bp.from_function(lookup, init), bp.from_function(jnp.sum))
    params, state = total.init(jax.random.key(0), normal(3))
    _, gradient = bp.value_and_grad(total)(params, state, normal(3))
    assert gradient[0]["offset"] is None
    assert float(gradient[0]["scale"]) == pytest.approx(float(normal(3).sum()), rel=1e-6)


def test_only_scalars_can_be_minimized() -> None:
    params, state = bp.Dense(3).init(jax.random.key(0), normal(2, 4))
    with pytest.raises(ValueError, match=r"floating point scalar, but Dense\(features=3\) gives float32\[2, 3\]"):
        bp.value_and_grad(bp.Dense(3))(params, state, normal(2, 4))


def test_a_loss_with_parameters_is_told_where_they_go() -> None:
    readout = bp.chain(bp.first(bp.Dense(3)), bp.losses.CrossEntropy())
    with pytest.raises(ValueError, match="use chain"):
        bp.supervised(bp.Dense(4), readout).init(jax.random.key(0), batch)
    bp.testing.check_layer(bp.chain(model=bp.first(bp.Dense(4)), loss=readout), batch)
