import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax.train import gradient_norms
from backprop_jax.train.gradient_norms import in_model_order


def test_a_layer_has_one_norm_for_all_its_parameters() -> None:
    gradient = ((), {"w": jnp.array([[3.0]]), "b": jnp.array([4.0], jnp.bfloat16)}, {"inner": {"w": jnp.array(-2.0)}})
    norms = gradient_norms(gradient)
    assert {path: float(norm) for path, norm in norms.items()} == {"1": 5, "2/inner": 2}


def test_bfloat16_is_summed_in_float32() -> None:
    (norm,) = gradient_norms({"0": {"w": jnp.full(10_000, 0.01, jnp.bfloat16)}}).values()
    assert norm.dtype == jnp.float32
    assert float(norm) == pytest.approx(1, rel=0.01)


def test_parameters_without_gradient_do_not_count() -> None:
    assert gradient_norms(({"w": None}, {"w": jnp.ones(4)})) == {"1": 2}


def test_the_order_is_that_of_the_model() -> None:
    layers = [bp.Dense(2) for _ in range(11)]
    model = bp.chain(last=bp.chain(*layers), first=bp.Dense(3))
    params, _ = model.init(jax.random.key(0), jnp.ones((1, 2)))
    norms = in_model_order(jax.jit(gradient_norms)(params), model)
    assert list(norms) == [*(f"last/{number}" for number in range(11)), "first"]
