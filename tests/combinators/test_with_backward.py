import jax
import jax.numpy as jnp

import backprop_jax as bp


def sign(x):
    return jnp.sign(x)


def pass_through(layer, params, residuals, dy):
    return (), dy


def doubled(layer, params, residuals, dy):
    dparams, dx = layer.backward(params, residuals, dy)
    return dparams, 2 * dx


def test_straight_through_estimator() -> None:
    layer = bp.with_backward(bp.from_function(sign), pass_through)
    x = jnp.array([-2.0, 3.0])
    y, _, residuals = layer.forward((), (), x)
    assert y.tolist() == [-1.0, 1.0]
    assert layer.backward((), residuals, x)[1].tolist() == [-2.0, 3.0]


def test_a_rule_replaced_everywhere_by_rewrite() -> None:
    model = bp.chain(bp.Tanh(), bp.skip(bp.Tanh()))
    changed = bp.rewrite(model, lambda layer: bp.with_backward(layer, doubled) if isinstance(layer, bp.Tanh) else layer)
    x = jnp.zeros(1)
    params, state = changed.init(jax.random.key(0), x)
    _, _, residuals = changed.forward(params, state, x)
    assert float(changed.backward(params, residuals, jnp.ones(1))[1][0]) == (1 + 2) * 2
    assert changed == bp.rewrite(
        model, lambda layer: bp.with_backward(layer, doubled) if isinstance(layer, bp.Tanh) else layer
    )
