"""Explanations against their papers' equations and axioms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest import grad_cam, guided, input_gradient, integrated_gradients

RANDOM = np.random.default_rng(0)
X = jnp.asarray(RANDOM.standard_normal((3, 6)), jnp.float32)
IMAGES = jnp.asarray(RANDOM.standard_normal((2, 6, 6, 2)), jnp.float32)
TARGET = jnp.array([1, 0, 3])
MLP = bp.chain(bp.Dense(8), bp.ReLU(), bp.Dropout(0.5), bp.Dense(7), bp.ReLU(), bp.Dense(4))
CNN = bp.chain(body=bp.chain(bp.Conv(4, (3, 3)), bp.ReLU()), pool=bp.GlobalAvgPool(), head=bp.Dense(4))


@pytest.fixture(scope="module")
def begun():
    return MLP.init(jax.random.key(0), X)


def _layers(params) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.asarray(params[i]["w"]), np.asarray(params[i]["b"])) for i in (0, 3, 5)]


def _chosen(params, state, x, target=TARGET):
    y, _, _ = bp.eval_mode(MLP).forward(params, state, x)
    return np.take_along_axis(np.asarray(y), np.asarray(target)[:, None], 1)[:, 0]


def test_the_input_gradient_is_the_derivative(begun) -> None:
    params, state = begun
    found = jax.jit(lambda x: input_gradient(MLP, params, state, x, TARGET))(X)
    model = bp.eval_mode(MLP)
    expected = jax.grad(lambda x: jnp.sum(model.forward(params, state, x)[0][jnp.arange(3), TARGET]))(X)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_guided_backpropagation_lets_only_positive_evidence_back(begun) -> None:
    params, state = begun
    (w1, b1), (w2, b2), (w3, _) = _layers(params)
    h1 = np.maximum(X @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    back = np.maximum(w3.T[np.asarray(TARGET)], 0) * (h2 > 0)
    expected = (np.maximum(back @ w2.T, 0) * (h1 > 0)) @ w1.T
    np.testing.assert_allclose(input_gradient(guided(MLP), params, state, X, TARGET), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="selects no layer"):
        guided(bp.Dense(3))


def test_integrated_gradients_are_complete(begun) -> None:
    params, state = begun
    smooth = bp.chain(bp.Dense(8), bp.Tanh(), bp.Dense(4))
    params, state = smooth.init(jax.random.key(1), X)
    baseline = jnp.full(6, 0.3)
    found = jax.jit(lambda x: integrated_gradients(smooth, params, state, x, TARGET, baseline, steps=12))(X)

    def chosen(x):
        return smooth.forward(params, state, x)[0][jnp.arange(3), TARGET]

    np.testing.assert_allclose(jnp.sum(found, 1), chosen(X) - chosen(jnp.broadcast_to(baseline, X.shape)), atol=1e-4)
    # Of a product x₀ x₁ from zero each factor gets half: ∫ α x₁ dα x₀.
    product = bp.from_function(lambda x: (x[:, 0] * x[:, 1])[:, None])
    np.testing.assert_allclose(
        integrated_gradients(product, (), (), jnp.array([[2.0, 3.0]]), jnp.array([0]), steps=2), [[3.0, 3.0]], rtol=1e-5
    )
    with pytest.raises(ValueError, match="steps, 1 or more, not 0"):
        integrated_gradients(MLP, params, state, X, TARGET, steps=0)


def test_integrated_gradients_are_as_precise_as_the_input() -> None:
    cube = bp.from_function(lambda x: x**3)
    with jax.enable_x64(True):
        x = jnp.array([[1.1], [0.7]], jnp.float64)
        found = integrated_gradients(cube, (), (), x, jnp.array([0, 0]), steps=2)
        assert found.dtype == jnp.float64
        np.testing.assert_allclose(found, x**3, rtol=1e-13)  # two points are exact for a parabola


def test_grad_cam_weighs_channels_by_their_mean_gradient() -> None:
    params, state = CNN.init(jax.random.key(0), IMAGES)
    target = jnp.array([2, 1])
    found = jax.jit(lambda x: grad_cam(CNN, params, state, x, target, "body"))(IMAGES)
    body, rest = bp.chain(bp.Conv(4, (3, 3)), bp.ReLU()), bp.chain(bp.GlobalAvgPool(), bp.Dense(4))
    y, _, _ = body.forward(params["body"], state["body"], IMAGES)
    slopes = jax.grad(lambda y: jnp.sum(rest.forward(((), params["head"]), ((), ()), y)[0][jnp.arange(2), target]))(y)
    weights = np.mean(slopes, (1, 2))
    np.testing.assert_allclose(found, np.maximum(np.einsum("bc,bhwc->bhw", weights, y), 0), rtol=1e-4, atol=1e-6)
    assert np.any(found > 0)
    with pytest.raises(ValueError, match="selects no layer; there are body/0: Conv"):
        grad_cam(CNN, params, state, IMAGES, target, "tail")
    with pytest.raises(ValueError, match=r"output is \(B, \*N, C\), not 'head'"):
        grad_cam(CNN, params, state, IMAGES, target, "head")
    repeated = bp.chain(
        blocks=bp.scan(bp.chain(conv=bp.Conv(2, (3, 3)), relu=bp.ReLU()), 3), pool=bp.GlobalAvgPool(), head=bp.Dense(4)
    )
    params, state = jax.eval_shape(repeated.init, jax.random.key(0), IMAGES)
    with pytest.raises(ValueError, match=r"output is \(B, \*N, C\), not 'blocks/relu'"):  # there are three such layers
        jax.eval_shape(lambda p, s: grad_cam(repeated, p, s, IMAGES, target, "blocks/relu"), params, state)


def test_what_has_no_answer_is_refused(begun) -> None:
    for target, told in ((TARGET[:2], r"int32\[2\]"), (jnp.ones(3), r"float32\[3\]")):
        with pytest.raises(ValueError, match=rf"one class number for each of B examples, not \[3, 4\] and {told}"):
            input_gradient(MLP, begun[0], begun[1], X, target)


def test_a_class_that_there_is_not_gives_nan(begun) -> None:
    found = input_gradient(MLP, begun[0], begun[1], X, jnp.array([-1, 4, 3]))
    assert np.isnan(found[:2]).all() and np.isfinite(found[2]).all()
