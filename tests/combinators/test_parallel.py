import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from tests.catalogue import normal


def test_the_adjoint_of_copying_is_adding() -> None:
    layer = bp.fan_out(bp.Identity(), bp.Identity(), bp.Identity())
    x = jnp.ones(2)
    _, _, residuals = layer.forward(((), (), ()), ((), (), ()), x)
    _, dx = layer.backward(((), (), ()), residuals, (x, 10 * x, 100 * x))
    assert dx.tolist() == [111.0, 111.0]


def test_named_layers_take_and_make_dicts() -> None:
    layer = bp.parallel(image=bp.Dense(2), text=bp.Embedding(5, 2))
    x = {"text": jnp.array([1, 2]), "image": normal(2, 3)}
    params, state = layer.init(jax.random.key(0), x)
    y, _, residuals = layer.forward(params, state, x)
    assert {name: leaf.shape for name, leaf in y.items()} == {"image": (2, 2), "text": (2, 2)}
    _, dx = layer.backward(params, residuals, y)
    assert dx["text"] is None and dx["image"].shape == (2, 3)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="needs a tuple of 2 inputs, not a tuple of 3"):
        bp.parallel(bp.ReLU(), bp.Tanh()).init(jax.random.key(0), (normal(2), normal(2), normal(2)))
    with pytest.raises(ValueError, match="at least one layer"):
        bp.parallel()
    with pytest.raises(ValueError, match=r"join without parameters and state, and Chain\(.*\) has some"):
        bp.fan_out(bp.ReLU(), join=bp.chain(bp.Sum(), bp.Dense(2))).init(jax.random.key(0), normal(2, 3))
