import jax
import jax.numpy as jnp
import numpy as np

import backprop_jax as bp
from tests.catalogue import normal
from tests.oracles.waves import wave


def test_numbers_of_pytorch() -> None:
    """`torch.nn.utils.parametrizations.weight_norm` of a Linear whose lengths are then 1.5 and 0.5 of their own."""
    w, x, dy = wave(3, 2), wave(4, 3, start=1.0), wave(4, 2, start=2.0)
    layer = bp.weight_norm(bp.Dense(2, use_bias=False))
    with jax.enable_x64(True):
        params, state = layer.init(jax.random.key(0), x)
        params = {"w": params["w"]._replace(v=w, g=np.array([1.5, 0.5]) * np.linalg.norm(w, axis=0))}
        y, _, residuals = layer.forward(params, state, x)
        dparams, _ = layer.backward(params, residuals, dy)
    expected_y = [
        [1.163038209, 0.101370227],
        [-1.307269722, -0.343860817],
        [0.734940434, 0.397869123],
        [0.240235717, -0.233791282],
    ]
    expected_dv = [[3.235207411, -0.156560166], [-1.552908679, -0.470582541], [-0.906132023, -0.803253656]]
    np.testing.assert_allclose(y, expected_y, atol=1e-8)
    np.testing.assert_allclose(dparams["w"].g, [1.858735321, 1.101678476], atol=1e-8)
    np.testing.assert_allclose(dparams["w"].v, expected_dv, atol=1e-8)


def test_equation_3_of_the_paper_on_a_convolution() -> None:
    plain = bp.Conv(4, (2,), feature_group_count=2)
    layer, x = bp.weight_norm(plain), normal(2, 3, 4)
    params, state = layer.init(jax.random.key(0), x)
    v, g = params["w"].v + 0.3, params["w"].g * 2
    params = {**params, "w": params["w"]._replace(v=v, g=g)}
    y, _, residuals = layer.forward(params, state, x)
    dparams, _ = layer.backward(params, residuals, y)
    lengths = np.sqrt(np.sum(np.square(v), (0, 1)))
    effective = {"w": g * v / lengths, "b": params["b"]}
    own_y, _, own_residuals = plain.forward(effective, (), jnp.asarray(x))
    dw = plain.backward(effective, own_residuals, own_y)[0]["w"]
    dg = np.sum(dw * v, (0, 1)) / lengths
    np.testing.assert_allclose(y, own_y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dparams["w"].g, dg, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dparams["w"].v, g / lengths * dw - g * dg / lengths**2 * v, rtol=1e-4, atol=1e-5)


def test_groups_of_a_transposed_convolution_share_lengths() -> None:
    plain, x = bp.ConvTranspose(6, (2,), feature_group_count=2), normal(2, 3, 4)
    params, _ = jax.eval_shape(bp.weight_norm(plain).init, jax.random.key(0), x)
    assert params["w"].v.shape == (2, 4, 3) and params["w"].g.shape == (3,)


def test_starts_as_the_layer_does() -> None:
    plain = bp.chain(hidden=bp.Dense(4), norm=bp.LayerNorm(), readout=bp.Dense(2))
    layer, x, key = bp.weight_norm(plain), normal(2, 5, 3), jax.random.key(0)
    params, _ = layer.init(key, x)
    own, _ = plain.init(jax.random.split(key)[0], x)
    assert jax.tree.structure(params["norm"]) == jax.tree.structure(own["norm"])
    assert params["hidden"]["w"].v.shape == (3, 4) and params["hidden"]["w"].g.shape == (4,)
    effective = layer.fn(params)
    jax.tree.map(lambda made, expected: np.testing.assert_allclose(made, expected, rtol=1e-6), effective, own)


def test_a_kernel_of_zeros_can_leave_zero() -> None:
    layer, x = bp.weight_norm(bp.Dense(2, kernel_init=bp.initializers.zeros())), normal(3, 4)
    params, state = layer.init(jax.random.key(0), x)
    y, _, residuals = layer.forward(params, state, x)
    dparams, _ = layer.backward(params, residuals, jnp.ones_like(y))
    assert not y.any() and np.isfinite(dparams["w"].v).all() and dparams["w"].g.all()
