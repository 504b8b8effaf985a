"""Feedback that is not the weights, against the papers' equations in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest import replace_selected
from backprop_jax.harvest.rules import FeedbackAlignment, WeightMirror

RANDOM = np.random.default_rng(0)
X, DY = (jnp.asarray(RANDOM.standard_normal(shape), jnp.float32) for shape in ((5, 4), (5, 3)))


@pytest.mark.parametrize("signs", ["random", "own"])
def test_the_cotangent_goes_through_the_feedback(signs) -> None:
    layer = FeedbackAlignment(bp.Dense(3), signs)
    params, state = layer.init(jax.random.key(0), X)
    y, after, residuals = layer.forward(params, state, X)
    np.testing.assert_allclose(y, X @ params["w"] + params["b"], rtol=1e-5)
    dparams, dx = layer.backward(params, residuals, DY)
    own, feedback = params["w"], state.feedback["w"]
    assert not np.allclose(own, feedback)
    if signs == "own":
        feedback = np.sign(own) * np.abs(feedback)
    np.testing.assert_allclose(dx, DY @ feedback.T, rtol=1e-5)
    np.testing.assert_allclose(dparams["w"], X.T @ DY, rtol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, after, state)
    with pytest.raises(ValueError, match="signs 'random' or 'own', not 'other'"):
        FeedbackAlignment(bp.Dense(3), "other")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("inner", "shape"), [(bp.Dense(3), (8, 50, 4)), (bp.Conv(3, (1, 1)), (8, 5, 6, 4))])
def test_a_mirror_counts_the_places(inner, shape) -> None:
    layer = WeightMirror(inner, rate=0.1, decay=0.1)
    params, state = layer.init(jax.random.key(0), jnp.zeros(shape))

    def step(state, _):
        return layer.forward(params, state, jnp.zeros(shape))[1], None

    mirrored, _ = jax.jit(lambda state: jax.lax.scan(step, state, length=100))(state)
    np.testing.assert_allclose(mirrored.feedback["w"], params["w"], atol=0.15)


def test_a_mirror_becomes_the_weights_and_holds_still_in_evaluation() -> None:
    layer = WeightMirror(bp.Dense(3), rate=0.1, decay=0.1)
    params, state = layer.init(jax.random.key(0), X)
    x = jnp.zeros((64, 4))

    def step(state, _):
        return layer.forward(params, state, x)[1], None

    mirrored, _ = jax.jit(lambda state: jax.lax.scan(step, state, length=300))(state)
    np.testing.assert_allclose(mirrored.feedback["w"], params["w"], atol=0.15)
    angle = np.sum(mirrored.feedback["w"] * params["w"])
    assert angle / np.linalg.norm(mirrored.feedback["w"]) / np.linalg.norm(params["w"]) > 0.98
    _, unchanged, residuals = bp.eval_mode(layer).forward(params, mirrored, X)
    np.testing.assert_array_equal(unchanged.feedback["w"], mirrored.feedback["w"])
    _, dx = layer.backward(params, residuals, DY)
    np.testing.assert_allclose(dx, DY @ np.asarray(mirrored.feedback["w"]).T, rtol=1e-5)
    for rate, decay in ((0.0, 0.1), (0.1, 1.5)):
        with pytest.raises(ValueError, match=r"rate above 0 and a decay in \(0, 1\]"):
            WeightMirror(bp.Dense(3), rate, decay)


def test_alignment_learns_digits() -> None:
    """The angle to the true gradient shrinks, which is why it works."""
    digits = bp.data.digits()
    model = bp.chain(bp.Flatten(), bp.Dense(32), bp.Tanh(), bp.Dense(10))
    aligned = replace_selected(model, bp.Dense, FeedbackAlignment)
    objective = bp.supervised(aligned, bp.losses.CrossEntropy())
    batch = digits.train.x[:256], digits.train.y[:256]
    params, state = objective.init(jax.random.key(0), batch)
    plain = bp.supervised(model, bp.losses.CrossEntropy())

    @jax.jit
    def run(params):
        def step(params, _):
            (loss, _), gradient = bp.value_and_grad(objective)(params, state, batch)
            _, true = bp.value_and_grad(plain)(params, ((), (), (), ()), batch)
            a, b = gradient[1]["w"].ravel(), true[1]["w"].ravel()
            cosine = a @ b / jnp.linalg.norm(a) / jnp.linalg.norm(b)
            return jax.tree.map(lambda p, g: p - 0.5 * g, params, gradient), (loss, cosine)

        return jax.lax.scan(step, params, length=150)[1]

    losses, cosines = run(params)
    assert losses[-1] < 0.2 * losses[0] and cosines[0] < 0.3 and cosines[-1] > cosines[0] + 0.2
