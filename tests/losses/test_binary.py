import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax.losses import BinaryCrossEntropy, Hinge
from backprop_jax.losses.reduction import REDUCTIONS
from tests.losses.three_ways import assert_is_its_twin, by_hand, by_jax_vjp
from tests.oracles import losses as twins

RNG = np.random.default_rng(1)
LOGITS, YES = RNG.normal(size=(4, 3)), RNG.integers(0, 2, size=(4, 3))

# torch 2.13.0+cpu, float64:  x = tensor([[0.3, -1.2], [2.5, 0.0]]), t = tensor([[1, 0], [0.25, 0.5]])
#   binary_cross_entropy_with_logits(x, t)
#   binary_cross_entropy_with_logits(x, t, pos_weight=tensor([3.0, 0.5]))
# value, and gradient by autograd
TORCH_X, TORCH_T = [[0.3, -1.2], [2.5, 0.0]], [[1, 0], [0.25, 0.5]]
TORCH_FIGURES = [
    (BinaryCrossEntropy(), 0.8661686567, [[-0.1063893708, 0.0578688041], [0.168535455, 0.0]]),
    (BinaryCrossEntropy(pos_weight=(3.0, 0.5)), 1.1098857969, [[-0.3191681124, 0.0578688041], [0.1590531825, 0.03125]]),
]


@pytest.mark.parametrize(("loss", "y", "gradient"), TORCH_FIGURES, ids=[str(row[0]) for row in TORCH_FIGURES])
def test_torch(loss, y, gradient) -> None:
    actual_y, actual = by_hand(loss, jnp.array(TORCH_X), jnp.array(TORCH_T), -2)
    assert float(actual_y) == pytest.approx(y, rel=1e-6)
    np.testing.assert_allclose(actual, -2 * np.array(gradient), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.2}, {"pos_weight": 2}, {"pos_weight": (0.5, 0.0, 3.0)}], ids=str
)
def test_numpy(options, reduction: str) -> None:
    def twin(prediction, target):
        return twins.binary_cross_entropy(prediction, target, **options)

    loss = BinaryCrossEntropy(**options, reduction=reduction)
    assert_is_its_twin(loss, twin, LOGITS, YES)
    assert_is_its_twin(loss, twin, LOGITS, RNG.uniform(size=(4, 3)))
    assert_is_its_twin(Hinge(reduction=reduction), twins.hinge, LOGITS, 2 * YES - 1)


def test_optax() -> None:
    logits = jnp.asarray(LOGITS)
    for ours, theirs in (
        (BinaryCrossEntropy(reduction="none"), optax.sigmoid_binary_cross_entropy(logits, jnp.asarray(YES))),
        (
            BinaryCrossEntropy(0.3, reduction="none"),
            optax.sigmoid_binary_cross_entropy(logits, 0.7 * jnp.asarray(YES) + 0.15),
        ),
    ):
        np.testing.assert_allclose(by_hand(ours, logits, jnp.asarray(YES), logits)[0], theirs, rtol=1e-5)
    signs = jnp.asarray(2 * YES - 1)
    np.testing.assert_allclose(
        by_hand(Hinge(reduction="none"), logits, signs, logits)[0], optax.hinge_loss(logits, signs)
    )


def test_bool_integer_and_float_targets_are_the_same() -> None:
    results = [
        by_hand(BinaryCrossEntropy(), jnp.asarray(LOGITS), jnp.asarray(YES, dtype), 3.0)
        for dtype in (bool, "uint8", "float32")
    ]
    for y, gradient in results:
        assert y == results[0][0] and (gradient == results[0][1]).all()


def test_a_logit_of_zero() -> None:
    """Where a head starts that is initialized to zero: the slope is (1/2 - t), w t to one side."""
    loss = BinaryCrossEntropy(pos_weight=3.0, reduction="none")
    for way in (by_hand, by_jax_vjp):
        y, gradient = way(loss, jnp.zeros(3), jnp.array([0.0, 1.0, 0.5]), jnp.array([2.0, 2.0, 2.0]))
        np.testing.assert_allclose(y, np.log(2) * np.array([1, 3, 2]), rtol=1e-6)
        np.testing.assert_allclose(gradient, [1, -3, -1], rtol=1e-6)


def test_far_logits_keep_their_digits() -> None:
    """-log σ(30) is e⁻³⁰ to thirteen digits, where 1 - σ(30) is 0 in float32."""
    y, gradient = by_hand(
        BinaryCrossEntropy(reduction="none"), jnp.array([30.0, -30.0]), jnp.array([1, 0]), jnp.array([1.0, 2.0])
    )
    np.testing.assert_allclose(y, np.exp([-30.0, -30.0]), rtol=1e-6)
    np.testing.assert_allclose(gradient, np.exp(-30.0) * np.array([-1, 2]), rtol=1e-6)


def test_the_edge_of_the_margin() -> None:
    prediction, target = jnp.array([1.0, -1.0, 0.5, 2.0]), jnp.array([1, -1, 1, 1])
    for way in (by_hand, by_jax_vjp):
        y, gradient = way(Hinge(reduction="none"), prediction, target, jnp.array([2.0, 2.0, 2.0, 2.0]))
        assert y.tolist() == [0, 0, 0.5, 0] and gradient.tolist() == [-1, 1, -2, 0]


def test_errors() -> None:
    for pos_weight in (-1.0, float("nan"), None, "2"):
        with pytest.raises(ValueError, match="finite pos_weight of 0 or more"):
            BinaryCrossEntropy(pos_weight=pos_weight)
    x = (jax.ShapeDtypeStruct((4, 3), "float32"), jax.ShapeDtypeStruct((4, 3), bool))
    with pytest.raises(ValueError, match=r"has 2 weights, .* logits have the shape \[4, 3\]"):
        jax.eval_shape(BinaryCrossEntropy(pos_weight=(1.0, 2.0)).forward, (), (), x)
    for dtype in (bool, "uint8"):
        with pytest.raises(ValueError, match=r"2 \* target.astype\('int32'\) - 1"):
            jax.eval_shape(Hinge().forward, (), (), (x[0], jax.ShapeDtypeStruct((4, 3), dtype)))
