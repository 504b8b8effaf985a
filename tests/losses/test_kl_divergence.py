import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import residual_bytes
from backprop_jax.losses import CrossEntropy, KLDivergence
from backprop_jax.losses.reduction import REDUCTIONS
from tests.losses.three_ways import assert_is_its_twin, by_hand, by_jax_vjp
from tests.oracles import losses as twins

RNG = np.random.default_rng(2)
LOGITS = RNG.normal(size=(2, 3, 4))
LOG_Q = LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True))
P = RNG.dirichlet(np.ones(4), size=(2, 3))
P[0, 0], P[1, 1] = [1, 0, 0, 0], [0.5, 0, 0.5, 0]


def test_torch() -> None:
    """torch 2.13.0+cpu, float64: kl_div(log_softmax(x, -1), p, reduction="batchmean") and its gradient by autograd."""
    x = jnp.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0], [2.0, 2.0, -0.5], [-1.5, 0.25, 4.0]])
    p = jnp.array([[0.2, 0.3, 0.5], [1, 0, 0], [0.6, 0.4, 0], [0.1, 0.1, 0.8]])
    y, gradient = by_hand(KLDivergence(), jax.nn.log_softmax(x), p, -2)
    assert float(y) == pytest.approx(1.0160961106, rel=1e-6)
    np.testing.assert_allclose(gradient, 2 * p / 4, rtol=1e-6)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_numpy(reduction: str) -> None:
    assert_is_its_twin(KLDivergence(reduction=reduction), twins.kl_divergence, LOG_Q, P)


def test_optax() -> None:
    log_q, p = jnp.asarray(LOG_Q), jnp.asarray(P)
    y, _ = by_hand(KLDivergence(reduction="none"), log_q, p, jnp.ones((2, 3)))
    np.testing.assert_allclose(y, optax.kl_divergence(log_q, p), rtol=1e-5, atol=1e-6)


def test_zero_of_itself_and_soft_cross_entropy_less_the_entropy() -> None:
    log_q, p = jnp.asarray(LOG_Q), jnp.asarray(P)
    assert float(by_hand(KLDivergence(), log_q, jnp.exp(log_q), 1)[0]) == pytest.approx(0, abs=1e-6)
    entropy = -np.sum(P * np.log(np.where(P == 0, 1, P)), -1).mean()
    cross = by_hand(CrossEntropy(), jnp.asarray(LOGITS), p, 1)[0]
    assert float(by_hand(KLDivergence(), log_q, p, 1)[0]) == pytest.approx(float(cross) - entropy, rel=1e-5)


def test_impossible_classes() -> None:
    """Where p = 0 even log q = -inf costs nothing; where p > 0 the divergence is infinite."""
    log_q = jnp.array([[0.0, -jnp.inf], [-jnp.inf, 0.0]])
    for way in (by_hand, by_jax_vjp):
        y, gradient = way(
            KLDivergence(reduction="none"), log_q, jnp.array([[1.0, 0.0], [0.5, 0.5]]), jnp.array([3.0, 2.0])
        )
        assert y.tolist() == [0, np.inf]
        assert gradient.tolist() == [[-3, 0], [-1, -1]]


def test_large_logarithms_and_bfloat16() -> None:
    log_q = jnp.array([[-1e4, 0.0], [-1e4, -1e4]])
    y, gradient = by_hand(KLDivergence(), log_q.astype("bfloat16"), jnp.array([[0.5, 0.5], [0.0, 1.0]]), 4)
    assert y.dtype == jnp.float32 and gradient.dtype == jnp.bfloat16
    assert float(y) == pytest.approx((5e3 + 1e4) / 2, rel=1e-2)
    assert gradient.tolist() == [[-1, -1], [0, -2]]


def test_saves_the_target_alone() -> None:
    x = (jax.ShapeDtypeStruct((5, 7), "float32"), jax.ShapeDtypeStruct((5, 7), "bfloat16"))
    assert residual_bytes(KLDivergence(), x) == 5 * 7 * 2


def test_errors() -> None:
    scalar, row, ints = (jax.ShapeDtypeStruct(*spec) for spec in (((), "float32"), ((4,), "float32"), ((4,), "int32")))
    with pytest.raises(ValueError, match=r"not int32\[4\]"):
        jax.eval_shape(KLDivergence().forward, (), (), (row, ints))
    with pytest.raises(ValueError, match="at least 1 axes"):
        jax.eval_shape(KLDivergence().forward, (), (), (scalar, scalar))


def test_nan_predictions_are_as_jax_has_them() -> None:
    """The divergence is linear in the prediction, so its gradient knows the target alone: a NaN there comes through."""
    log_q, p = jnp.array([[jnp.nan, -1.0], [-0.5, -0.5]]), jnp.array([[0.5, 0.5], [jnp.nan, 0.5]])
    (y, ours), (_, theirs) = (way(KLDivergence(), log_q, p, 2.0) for way in (by_hand, by_jax_vjp))
    assert jnp.isnan(y)
    assert jnp.isnan(ours).tolist() == [[False, False], [True, False]]
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
