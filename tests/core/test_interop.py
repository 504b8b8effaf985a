import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import affine, init_affine, normal, square


def test_the_hand_written_backward_runs_under_jax_grad() -> None:
    """A rule that is wrong on purpose shows which one ran."""
    layer = bp.with_backward(bp.Tanh(), lambda layer, params, residuals, dy: ((), 100 * dy))
    function = bp.as_jax_function(layer)
    assert float(jax.grad(lambda x: function((), (), x)[0])(jnp.array(0.5))) == 100.0


def test_state_comes_out_and_has_no_gradient() -> None:
    function = bp.as_jax_function(bp.Dropout(0.5))
    key, x = jax.random.key(0), jnp.ones(50)

    def loss(x):
        y, new_state = function((), key, x)
        return y.sum(), new_state

    gradient, new_state = jax.jit(jax.grad(loss, has_aux=True))(x)
    assert set(np.unique(gradient)) == {0.0, 2.0}
    assert jax.random.key_data(new_state).tolist() != jax.random.key_data(key).tolist()


def test_equal_layers_give_the_same_function() -> None:
    assert bp.as_jax_function(bp.Dense(3)) is bp.as_jax_function(bp.Dense(3))


def test_integer_inputs_and_outputs_pass() -> None:
    layer = bp.first(bp.Embedding(5, 3))
    x = (jnp.array([1, 1, 4]), jnp.array([7]))
    params, state = layer.init(jax.random.key(0), x)
    gradient = jax.grad(lambda params: bp.as_jax_function(layer)(params, state, x)[0][0].sum())(params)
    assert gradient["table"][:, 0].tolist() == [0, 2, 0, 0, 1]


def test_forward_mode_is_refused_by_jax() -> None:
    function = bp.as_jax_function(bp.Tanh())
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(lambda x: function((), (), x)[0], (jnp.array(1.0),), (jnp.array(1.0),))


def test_a_function_as_a_layer_saves_what_jax_saves_but_no_parameter() -> None:
    layer, x = bp.from_function(affine, init_affine), normal(4, 5)
    params, state = layer.init(jax.random.key(0), x)
    _, _, residuals = layer.forward(params, state, x)
    assert not any(leaf is param for leaf in residuals.saved for param in jax.tree.leaves(params))
    assert bp.from_function(square) == bp.from_function(square)
    assert bp.residual_bytes(bp.from_function(square), x) <= 3 * x.nbytes
