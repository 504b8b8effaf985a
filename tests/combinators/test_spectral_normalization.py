import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.oracles.waves import wave


def test_numbers_of_pytorch() -> None:
    """`torch.nn.utils.parametrizations.spectral_norm` of a Conv1d, two steps from given vectors."""
    w, x, dy = wave(2, 2, 3), wave(1, 4, 2, start=1.0), wave(1, 3, 3, start=2.0)
    u, v = wave(3, start=0.5), wave(4, start=0.7)
    layer = bp.spectral_norm(bp.Conv(3, (2,), padding="VALID", use_bias=False), n_steps=2)
    with jax.enable_x64(True):
        _, state = layer.init(jax.random.key(0), x)
        start = state.vectors["w"]._replace(u=u / np.linalg.norm(u), v=v / np.linalg.norm(v))
        y, after, residuals = layer.forward({"w": w}, state._replace(vectors={"w": start}), x)
        dparams, _ = layer.backward({"w": w}, residuals, dy)
        again, unchanged, _ = bp.eval_mode(layer).forward({"w": w}, after, x)
    expected_y = [
        [-0.132050434, -0.257518302, -0.005721254],
        [-0.078161065, 0.518352788, 0.355478592],
        [0.266001109, -0.630823046, -0.603489961],
    ]
    expected_dw = [
        [[0.65228714, -0.744509876, -1.050598179], [0.42938595, -0.90532688, -0.91373371]],
        [[-0.382671221, -0.270626437, 0.237886712], [-0.619246027, 0.562729463, 0.920304971]],
    ]
    expected_v = [-0.697490329, 0.382282413, 0.142468022, -0.589126693]
    np.testing.assert_allclose(y[0], expected_y, atol=1e-8)
    np.testing.assert_allclose(after.vectors["w"].u, [0.064030337, -0.851891075, -0.519790066], atol=1e-8)
    np.testing.assert_allclose(after.vectors["w"].v, expected_v, atol=1e-8)
    np.testing.assert_allclose(dparams["w"], expected_dw, atol=1e-8)
    np.testing.assert_array_equal(again, y)
    assert unchanged.vectors is after.vectors


def test_the_largest_singular_value_becomes_one() -> None:
    layer, x = bp.spectral_norm(bp.Dense(4, use_bias=False)), np.eye(6, dtype=np.float32)
    params, state = layer.init(jax.random.key(0), x)
    for _ in range(30):
        y, state, _ = layer.forward(params, state, x)  # of the unit matrix: the effective kernel
    left, values, right = np.linalg.svd(params["w"])
    assert np.linalg.svd(y)[1][0] == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(y, params["w"] / values[0], atol=1e-5)
    found = state.vectors["w"]
    np.testing.assert_allclose(np.outer(found.v, found.u), np.outer(left[:, 0], right[0]), atol=1e-4)


def test_the_first_estimate_is_usable_in_eval_mode() -> None:
    layer, x = bp.eval_mode(bp.spectral_norm(bp.Dense(4, use_bias=False))), np.eye(6, dtype=np.float32)
    for seed in range(5):
        params, state = layer.init(jax.random.key(seed), x)
        assert np.linalg.svd(layer.forward(params, state, x)[0])[1][0] == pytest.approx(1, abs=0.05)


def test_a_kernel_of_zeros_can_leave_zero() -> None:
    layer, x = bp.spectral_norm(bp.Dense(3, kernel_init=bp.initializers.zeros())), normal(4, 5)
    params, state = layer.init(jax.random.key(0), x)
    y, state, residuals = layer.forward(params, state, x)
    dparams, _ = layer.backward(params, residuals, jnp.ones_like(y))
    assert not y.any() and dparams["w"].all()
    params = {**params, "w": jnp.asarray(normal(5, 3))}
    y, _, _ = layer.forward(params, state, x)
    assert np.isfinite(y).all() and y.all()


def test_saves_two_vectors_beside_the_layer() -> None:
    x = normal(4, 5)
    assert bp.residual_bytes(bp.spectral_norm(bp.Dense(3)), x) == bp.residual_bytes(bp.Dense(3), x) + 4 * (5 + 3)


@pytest.mark.parametrize("n_steps", [0, 1.5])
def test_bad_steps(n_steps) -> None:
    with pytest.raises(ValueError, match=f"whole number of steps, 1 or more, not {n_steps}"):
        bp.spectral_norm(bp.Dense(3), n_steps)
