import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import residual_bytes
from backprop_jax.losses import CrossEntropy
from backprop_jax.losses.reduction import REDUCTIONS
from backprop_jax.testing import check_layer
from tests.losses.three_ways import assert_is_its_twin, by_hand, by_jax_vjp
from tests.oracles import losses as twins

RNG = np.random.default_rng(3)
LOGITS, LABELS = RNG.normal(size=(2, 3, 4)), np.array([[0, 3, 1], [2, 3, 3]])
SOFT = RNG.dirichlet(np.ones(4), size=(2, 3))
SOFT[0, 0] = [0, 1, 0, 0]
WEIGHTS = (0.5, 2.0, 0.0, 1.5)

# torch 2.13.0+cpu, float64, cross_entropy(X, target, **options): value, and gradient by autograd
X = [[1.0, -2.0, 0.5], [0.0, 3.0, -1.0], [2.0, 2.0, -0.5], [-1.5, 0.25, 4.0]]
Y, P, W = [2, 1, 0, 2], [[0.2, 0.3, 0.5], [1, 0, 0], [0.6, 0.4, 0], [0.1, 0.1, 0.8]], (0.5, 2.0, 1.5)
TORCH_FIGURES = [
    # (X, tensor(Y))
    (CrossEntropy(), Y, 0.4577702458, [
        [0.150937224, 0.0075147219, -0.1584519459], [0.0116531556, -0.015940112, 0.0042869564],
        [-0.1299280528, 0.1200719472, 0.0098561056], [0.0009942471, 0.0057214973, -0.0067157444]]),
    # (X, tensor(Y), weight=tensor(W))
    (CrossEntropy(class_weights=W), Y, 0.3720352058, [
        [0.1646587899, 0.0081978784, -0.1728566683], [0.0169500446, -0.0231856175, 0.0062355729],
        [-0.0472465647, 0.0436625263, 0.0035840384], [0.0010846333, 0.0062416334, -0.0073262667]]),
    # (X, tensor(Y), label_smoothing=0.1)
    (CrossEntropy(0.1), Y, 0.6306869125, [
        [0.1426038907, -0.0008186114, -0.1417852793], [0.0033198223, 0.0007265546, -0.0040463769],
        [-0.1132613861, 0.1117386139, 0.0015227723], [-0.0073390862, -0.002611836, 0.0099509222]]),
    # (X, tensor(Y), ignore_index=2)
    (CrossEntropy(ignore_index=2), Y, 0.3996268493, [
        [0.0, 0.0, 0.0], [0.0233063113, -0.0318802241, 0.0085739128],
        [-0.2598561056, 0.2401438944, 0.0197122112], [0.0, 0.0, 0.0]]),
    # (X, tensor(Y), weight=tensor(W), ignore_index=1, label_smoothing=0.2)
    (CrossEntropy(0.2, W, 1), Y, 0.9292171087, [
        [0.2434757279, -0.0254991328, -0.2179765951], [0.0, 0.0, 0.0],
        [-0.0323261355, 0.0533881502, -0.0210620148], [-0.0078572619, -0.0285049188, 0.0363621807]]),
    # the same with reduction="sum"
    (CrossEntropy(0.2, W, 1, reduction="sum"), Y, 3.2522598806, [
        [0.8521650477, -0.0892469649, -0.7629180828], [0.0, 0.0, 0.0],
        [-0.1131414742, 0.1868585258, -0.0737170517], [-0.0275004167, -0.0997672159, 0.1272676326]]),
    # (X, tensor(P))
    (CrossEntropy(), P, 1.6015202458, [
        [0.100937224, -0.0674852781, -0.0334519459], [-0.2383468444, 0.234059888, 0.0042869564],
        [-0.0299280528, 0.0200719472, 0.0098561056], [-0.0240057529, -0.0192785027, 0.0432842556]]),
    # (X, tensor(P), weight=tensor(W), label_smoothing=0.2)
    (CrossEntropy(0.2, W), P, 1.8217317233, [
        [0.187003773, -0.1426123301, -0.0443914429], [-0.1005645629, 0.122706592, -0.0221420291],
        [0.0693491661, -0.0556508339, -0.0136983322], [-0.0169148741, -0.0651706639, 0.0820855379]]),
]  # fmt: skip


def test_by_hand() -> None:
    """Two classes, logits log 3 and 0: p = (3/4, 1/4), and the label is the second."""
    y, gradient = by_hand(CrossEntropy(), jnp.array([[np.log(3.0), 0.0]]), jnp.array([1]), 8)
    assert float(y) == pytest.approx(np.log(4), rel=1e-6)
    np.testing.assert_allclose(gradient, [[6, -6]], rtol=1e-6)


@pytest.mark.parametrize(("loss", "target", "y", "gradient"), TORCH_FIGURES, ids=[str(row[0]) for row in TORCH_FIGURES])
def test_torch(loss, target, y, gradient) -> None:
    actual_y, actual = by_hand(loss, jnp.array(X), jnp.array(target), -2)
    assert float(actual_y) == pytest.approx(y, rel=1e-6)
    np.testing.assert_allclose(actual, -2 * np.array(gradient), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "options",
    [{}, {"label_smoothing": 0.2}, {"class_weights": WEIGHTS}, {"label_smoothing": 0.3, "class_weights": WEIGHTS}],
    ids=str,
)
def test_numpy(options, reduction: str) -> None:
    def twin(logits, target, **more):
        return twins.cross_entropy(logits, target, **options, **more)

    assert_is_its_twin(CrossEntropy(**options, reduction=reduction), twin, LOGITS, LABELS)
    assert_is_its_twin(CrossEntropy(**options, reduction=reduction), twin, LOGITS, SOFT)
    ignoring = CrossEntropy(**options, ignore_index=3, reduction=reduction)
    assert_is_its_twin(ignoring, lambda *x: twin(*x, ignore_index=3), LOGITS, LABELS)


def test_optax() -> None:
    logits, labels, soft = jnp.asarray(LOGITS), jnp.asarray(LABELS), jnp.asarray(SOFT)
    smoothed = optax.smooth_labels(jax.nn.one_hot(labels, 4), 0.1)
    for loss, target, theirs in (
        (CrossEntropy(reduction="none"), labels, optax.softmax_cross_entropy_with_integer_labels(logits, labels)),
        (CrossEntropy(reduction="none"), soft, optax.softmax_cross_entropy(logits, soft)),
        (CrossEntropy(0.1, reduction="none"), labels, optax.softmax_cross_entropy(logits, smoothed)),
    ):
        np.testing.assert_allclose(by_hand(loss, logits, target, jnp.ones((2, 3)))[0], theirs, rtol=1e-5)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1, "class_weights": WEIGHTS}], ids=str)
def test_labels_are_one_hot_distributions(options) -> None:
    """Up to what the mean divides by."""
    loss = CrossEntropy(**options, reduction="none")
    dy = jnp.asarray(SOFT[..., 0])
    one_hot = jax.nn.one_hot(LABELS, 4)
    for actual, expected in zip(
        by_hand(loss, jnp.asarray(LOGITS), jnp.asarray(LABELS), dy),
        by_hand(loss, jnp.asarray(LOGITS), one_hot, dy),
        strict=True,
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_logits_of_ten_thousand() -> None:
    """Adding a number to all logits of a row changes nothing, and no digit of p is lost to the size of the logits."""
    logits = jnp.array([[1e4, -1e4, 0.0], [1e4, 1e4, 9999.0], [-1e4, -1e4, -1e4]])
    labels, dy = jnp.array([1, 0, 2]), jnp.array([1.0, 2.0, 3.0])
    tail = np.exp(-1.0)
    for way in (by_hand, by_jax_vjp):
        y, gradient = way(CrossEntropy(reduction="none"), logits, labels, dy)
        np.testing.assert_allclose(y, [2e4, np.log(2 + tail), np.log(3)], rtol=1e-6)
        second = 2 * np.array([1 / (2 + tail) - 1, 1 / (2 + tail), tail / (2 + tail)])
        np.testing.assert_allclose(gradient, [[1, -1, 0], second, [1, 1, -2]], rtol=1e-6)


@pytest.mark.parametrize(
    "loss",
    [CrossEntropy(), CrossEntropy(0.1, (1.0, 2.0, 0.0), ignore_index=1)],
    ids=str,
)
def test_laws_at_large_logits(loss) -> None:
    check_layer(
        loss,
        (1e4 * jnp.array([[1.0, -1.0, 0.5], [1.0, 1.0, 1.0], [0.0, -1.0, -1.0]]), jnp.array([1, 0, 2])),
        smooth=False,
    )


def test_a_forbidden_class() -> None:
    """A logit of -inf is a class that cannot be: no gradient and no NaN, as long as its q is 0."""
    logits = jnp.array([[-jnp.inf, 0.0, 0.0]])
    weighed_out = CrossEntropy(0.3, (0.0, 1.0, 1.0))  # q = (0, 0.1, 0.8)
    for loss, target, mass in (
        (CrossEntropy(), [2], 1),
        (CrossEntropy(), [[0.0, 0.5, 0.5]], 1),
        (weighed_out, [2], 0.9),
    ):
        for way in (by_hand, by_jax_vjp):
            y, gradient = way(loss, logits, jnp.array(target), 2)
            assert float(y) == pytest.approx(mass * np.log(2), rel=1e-6)
            assert float(gradient[0, 0]) == 0 and np.isfinite(gradient).all()


def test_one_class() -> None:
    for target in (jnp.array([0, 0]), jnp.array([[1.0], [1.0]])):
        y, gradient = by_hand(CrossEntropy(0.1), jnp.array([[3.0], [-1e4]]), target, 5)
        assert float(y) == 0 and gradient.tolist() == [[0], [0]]


def test_one_row_and_no_batch() -> None:
    y, gradient = by_hand(CrossEntropy(), jnp.array([np.log(3.0), 0.0]), jnp.array(1), 8)
    assert float(y) == pytest.approx(np.log(4), rel=1e-6)
    np.testing.assert_allclose(gradient, [6, -6], rtol=1e-6)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("loss", [{}, {"label_smoothing": 0.1}, {"class_weights": WEIGHTS}], ids=str)
def test_all_ignored_is_zero_and_not_nan(loss, reduction: str) -> None:
    loss = CrossEntropy(**loss, ignore_index=-100, reduction=reduction)
    for way in (by_hand, by_jax_vjp):
        y, gradient = way(
            loss, jnp.asarray(LOGITS), jnp.full((2, 3), -100), 2 if reduction != "none" else jnp.ones((2, 3))
        )
        assert not y.any() and not gradient.any()


def test_labels_that_weigh_nothing_are_as_if_ignored() -> None:
    for way in (by_hand, by_jax_vjp):
        y, gradient = way(CrossEntropy(class_weights=WEIGHTS), jnp.asarray(LOGITS), jnp.full((2, 3), 2), 2)
        assert float(y) == 0 and not gradient.any()


@pytest.mark.parametrize("ignore_index", [-100, 255])
def test_ignored_rows_are_as_if_absent(ignore_index: int) -> None:
    """Whether or not the ignored number is one that could be a class."""
    logits = jnp.asarray(LOGITS[0])
    for options in ({}, {"label_smoothing": 0.1, "class_weights": WEIGHTS}):
        loss = CrossEntropy(**options, ignore_index=ignore_index)
        y, gradient = by_hand(loss, logits, jnp.array([0, ignore_index, 1]), 3)
        expected_y, expected = by_hand(loss, logits[::2], jnp.array([0, 1]), 3)
        np.testing.assert_allclose(y, expected_y, rtol=1e-6)
        np.testing.assert_allclose(gradient[::2], expected, rtol=1e-6)
        assert not gradient[1].any()


@pytest.mark.parametrize("label", [-1, 4])
def test_a_label_that_is_no_class_makes_the_loss_nan(label: int) -> None:
    for options in ({}, {"class_weights": WEIGHTS}, {"ignore_index": -100}):
        y, _ = by_hand(CrossEntropy(**options), jnp.asarray(LOGITS[0]), jnp.array([0, label, 1]), 1)
        assert np.isnan(y)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "uint32"])
def test_labels_of_any_integer_dtype(dtype: str) -> None:
    expected = by_hand(CrossEntropy(), jnp.asarray(LOGITS), jnp.asarray(LABELS), 1)
    loss = CrossEntropy(ignore_index=-100)  # which uint8 cannot hold, so nothing is ignored
    for actual, wanted in zip(by_hand(loss, jnp.asarray(LOGITS), jnp.asarray(LABELS, dtype), 1), expected, strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-6, atol=1e-7)


def test_bfloat16_logits_give_a_float32_loss() -> None:
    for target in (jnp.asarray(LABELS), jnp.asarray(SOFT, "bfloat16")):
        for reduction in REDUCTIONS:
            dy = jnp.ones((2, 3)) if reduction == "none" else 1
            y, gradient = by_hand(CrossEntropy(reduction=reduction), jnp.asarray(LOGITS, "bfloat16"), target, dy)
            assert y.dtype == jnp.float32 and gradient.dtype == jnp.bfloat16


def test_bytes_saved() -> None:
    """Logits and labels as they came and two numbers a row; of a soft target one array instead of two."""
    logits = jax.ShapeDtypeStruct((5, 7), "bfloat16")
    assert residual_bytes(CrossEntropy(0.1), (logits, jax.ShapeDtypeStruct((5,), "uint8"))) == 5 * (7 * 2 + 1 + 8)
    assert residual_bytes(CrossEntropy(0.1), (logits, jax.ShapeDtypeStruct((5, 7), "float32"))) == 5 * 7 * 4


@pytest.mark.parametrize(
    ("loss", "target", "message"),
    [
        (
            CrossEntropy(),
            ((4,), "float32"),
            r"class numbers of an integer dtype, not float32\[4\]: .*astype\('int32'\)",
        ),
        (CrossEntropy(), ((4,), "bool"), r"class numbers of an integer dtype, not bool\[4\]"),
        (
            CrossEntropy(),
            ((4, 3), "int32"),
            r"probabilities of a floating point dtype, not int32\[4, 3\].*astype\('float32'\)",
        ),
        (
            CrossEntropy(),
            ((4, 1), "int32"),
            r"class numbers of shape \[4\] or probabilities of shape \[4, 3\], not int32\[4, 1\]",
        ),
        (CrossEntropy(ignore_index=0), ((4, 3), "float32"), "set it to None"),
        (CrossEntropy(class_weights=(1.0, 2.0)), ((4,), "int32"), r"has 2 class_weights, but the logits \[4, 3\]"),
    ],
    ids=str,
)
def test_targets_refused(loss, target, message: str) -> None:
    x = (jax.ShapeDtypeStruct((4, 3), "float32"), jax.ShapeDtypeStruct(*target))
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(loss.forward, (), (), x)


def test_no_classes_and_no_axes() -> None:
    none, scalar, label = (
        jax.ShapeDtypeStruct(*spec) for spec in (((4, 0), "float32"), ((), "float32"), ((), "int32"))
    )
    with pytest.raises(ValueError, match="at least one class"):
        jax.eval_shape(CrossEntropy().forward, (), (), (none, none))
    with pytest.raises(ValueError, match="at least 1 axes"):
        jax.eval_shape(CrossEntropy().forward, (), (), (scalar, label))


def test_ignore_index_is_an_integer() -> None:
    with pytest.raises(TypeError, match=r"integer ignore_index or None, not 1\.5"):
        CrossEntropy(ignore_index=1.5)
    with pytest.raises(TypeError, match="integer ignore_index or None, not True"):
        CrossEntropy(ignore_index=True)


@pytest.mark.parametrize("target", [jnp.array([1, 0]), jnp.array([[0.0, 1.0], [0.5, 0.5]])], ids=["labels", "soft"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nan_logits_have_nan_gradients(reduction: str, target) -> None:
    """All of their row, as with jax.vjp; the other row keeps its own."""
    loss, logits = CrossEntropy(reduction=reduction), jnp.array([[0.5, -1.0], [jnp.nan, 2.0]])
    dy = jnp.array([2.0, 3.0]) if reduction == "none" else 2.0
    (_, ours), (_, theirs) = (way(loss, logits, target, dy) for way in (by_hand, by_jax_vjp))
    assert jnp.isnan(ours).tolist() == [[False, False], [True, True]]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
