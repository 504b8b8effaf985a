import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import ids, normal
from tests.oracles.waves import wave

SIGMOID = {
    "y": [[0.280079273, 0.99013044, -0.777229784], [-0.08419931, -0.383517605, 0.620117342]],
    "dx": [[-0.120535396, 0.876352961, -0.980770833], [-0.213671346, -0.043185367, 0.367377954]],
    "dw_squeeze": [[0.541103433, -0.210848474], [0.963908663, -0.304975489], [-0.025414556, 0.047687302]],
    "db_squeeze": [1.8750305, -1.970783273],
    "dw_excite": [[0.132138551, 0.221437275, 0.109816579], [0.379991206, 0.870280312, 0.44059762]],
    "db_excite": [0.396066661, 0.867003117, 0.437807331],
}
HARD_SIGMOID = {
    "y": [[0.389545661, 0.914898739, -0.733898825], [-0.035925235, -0.494471643, 0.598800581]],
    "dx": [[0.007285022, 0.760492183, -0.879998801], [-0.261833646, -0.035526193, 0.329320916]],
    "dw_squeeze": [[0.472056363, -0.050996095], [0.840909871, 0.011283599], [-0.022171552, 0.057032794]],
    "db_squeeze": [1.635768737, -1.970026651],
    "dw_excite": [[0.158752454, 0.1653945, 0.171092283], [0.711242223, 0.728510882, 0.765498527]],
    "db_excite": [0.697592325, 0.715906094, 0.750920727],
}


@pytest.mark.parametrize(("gate", "expected"), [(bp.Sigmoid(), SIGMOID), (bp.HardSigmoid(), HARD_SIGMOID)])
def test_numbers_of_pytorch(gate: bp.Layer, expected: dict[str, list]) -> None:
    """The same network of `adaptive_avg_pool2d`, two 1x1 `conv2d` and a product. One hidden unit of an image is 0."""
    layer, x, dy = bp.SqueezeExcite(2, gate), 2 * wave(2, 2, 2, 3, start=1.0), wave(2, 2, 2, 3, start=2.0)
    squeeze = {"w": wave(3, 2, start=0.1), "b": wave(2, start=0.2)}
    excite = {"w": 3 * wave(2, 3, start=0.4), "b": wave(3, start=0.3)}
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, {"squeeze": squeeze, "excite": excite})
        y, _, residuals = layer.forward(params, (), jnp.asarray(x))
        dparams, dx = layer.backward(params, residuals, jnp.asarray(dy))
    assert (np.asarray(residuals.hidden) == 0).tolist() == [[False, False], [True, False]]
    found = {"y": y[:, 0, 0], "dx": dx[:, 1, 1]}
    found |= {f"d{name}_{part}": dparams[part][name] for part in ("squeeze", "excite") for name in ("w", "b")}
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-8, err_msg=name)


def test_initial_parameters_and_saved_bytes() -> None:
    layer, x = bp.SqueezeExcite(4, kernel_init=bp.initializers.zeros()), jnp.ones((2, 5, 3, 16), jnp.bfloat16)
    params, state = layer.init(jax.random.key(0), x)
    assert jax.tree.map(jnp.shape, params["squeeze"]) == {"w": (16, 4), "b": (4,)}
    assert jax.tree.map(jnp.shape, params["excite"]) == {"w": (4, 16), "b": (16,)}
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")} and state == ()
    assert (layer.forward(params, state, x)[0] == 0.5).all()  # σ(0)
    assert bp.residual_bytes(layer, x) == 2 * x.size + 4 * (2 * 16 + 2 * 4)


def test_no_examples() -> None:
    layer, x = bp.SqueezeExcite(2), normal(0, 4, 3)
    params, state = layer.init(jax.random.key(0), x)
    y, _, residuals = layer.forward(params, state, x)
    dparams, dx = layer.backward(params, residuals, y)
    assert y.shape == dx.shape == (0, 4, 3) and not any(leaf.any() for leaf in jax.tree.leaves(dparams))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (normal(2, 4, 5), r"initialized for 3 channels, but was given \[2, 4, 5\]"),
        (normal(2, 3), r"at least 3 axes, not of shape \[2, 3\]"),
        (normal(2, 0, 3), r"at least one element on each axis but the batch's, not \[2, 0, 3\]"),
        (ids(2, 4, 3, below=5), "floating point"),
    ],
)
def test_bad_input(x, message: str) -> None:
    params, state = bp.SqueezeExcite(2).init(jax.random.key(0), normal(2, 4, 3))
    with pytest.raises(ValueError, match=message):
        bp.SqueezeExcite(2).forward(params, state, x)


def test_bad_hyperparameters() -> None:
    with pytest.raises(ValueError, match="features, 1 or more, not 0"):
        bp.SqueezeExcite(0)
    with pytest.raises(TypeError, match=r"elementwise layer as its gate, not Dense\(features=2\)"):
        bp.SqueezeExcite(2, gate=bp.Dense(2))  # type: ignore[arg-type]
