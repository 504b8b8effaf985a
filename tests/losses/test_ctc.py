import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax import residual_bytes
from backprop_jax.layers.recurrent import Padded
from backprop_jax.losses import CTC
from backprop_jax.testing.cases import QUICK
from tests.losses.three_ways import by_differences, by_hand
from tests.oracles import losses as twins
from tests.oracles.waves import wave

RNG = np.random.default_rng(4)

# torch 2.13.0+cpu, float64, of 3 wave(4, 4, 3), a row an example: ctc_loss(log_softmax(x, -1).transpose(0, 1), LABELS,
# STEPS, COUNTS, reduction="none", zero_infinity=True), and its gradient by autograd for the cotangent DY.
LABELS = np.array([[1, 1], [2, 1], [1, 2], [2, 2]], np.int32)
STEPS, COUNTS = np.array([4, 3, 4, 2], np.int32), np.array([2, 2, 0, 2], np.int32)
DY = [1.0, -2.0, 0.5, 3.0]
TORCH = [4.537502129769152, 5.5361258324788105, 11.523357329391043, 0.0]
TORCH_MEAN = 4.140042827628756  # of the same with reduction="mean"
TORCH_GRADIENT = [
    [[0.0242501236, -0.2223485717, 0.1980984481], [-0.5986150445, -0.3074550683, 0.9060701128],
     [-0.0406218427, 0.0369432667, 0.0036785759], [0.0022518615, -0.8440136793, 0.8417618178]],
    [[-1.3398853595, -0.0766848319, 1.4165701915], [-0.1502909031, -0.2126286631, 0.3629195662],
     [0.1735727087, 1.7604714518, -1.9340441606], [0.0, 0.0, 0.0]],
    [[-0.4883454155, 0.3142121878, 0.1741332277], [-0.4163858701, 0.021868309, 0.3945175611],
     [-0.1053709721, 0.1025940917, 0.0027768803], [-0.4983916372, 0.0434796553, 0.4549119819]],
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
]  # fmt: skip


def quickly(loss: CTC, prediction, target, dy):
    """The value and the cotangent of the prediction, compiled without much optimization."""
    return jax.jit(lambda *x: by_hand(loss, *x), compiler_options=QUICK)(prediction, target, jnp.asarray(dy))


def test_by_hand() -> None:
    """Two steps of p = 1/4 for the blank and 3/4 for the label, which is emitted first, last or twice: 15/16."""
    y, gradient = quickly(CTC(), jnp.log(jnp.array([[[1.0, 3.0], [1.0, 3.0]]])), jnp.array([[1]]), 16)
    assert float(y) == pytest.approx(np.log(16 / 15), rel=1e-5)
    # 12 of the 15 parts have the label at a step: the gradient of the label's logit is 3/4 - 12/15
    np.testing.assert_allclose(gradient, np.full((1, 2, 2), [0.8, -0.8]), rtol=1e-5)


def test_torch() -> None:
    loss = CTC(zero_infinity=True, reduction="none")
    with jax.enable_x64(True):
        prediction, target = Padded(jnp.asarray(3 * wave(4, 4, 3)), STEPS), Padded(LABELS, COUNTS)
        y, (gradient, dlengths) = jax.device_get(quickly(loss, prediction, target, DY))
    assert dlengths is None
    np.testing.assert_allclose(y, TORCH, rtol=1e-12)
    np.testing.assert_allclose(gradient, TORCH_GRADIENT, atol=1e-10)
    # PyTorch's mean divides by the number of labels first, ours by that of examples alone.
    assert np.mean(y / np.maximum(COUNTS, 1)) == pytest.approx(TORCH_MEAN, rel=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_reductions(reduction: str) -> None:
    loss = CTC(zero_infinity=True, reduction=reduction)
    prediction, target = Padded(jnp.asarray(3 * wave(4, 4, 3), "float32"), STEPS), Padded(LABELS, COUNTS)
    y, (gradient, _) = quickly(loss, prediction, target, -2.0)
    count = 4 if reduction == "mean" else 1
    assert float(y) == pytest.approx(sum(TORCH) / count, rel=1e-5)
    expected = -2 * np.array(TORCH_GRADIENT) / np.array(DY)[:, None, None] / count
    np.testing.assert_allclose(gradient, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "labels", "blank"),
    [
        ((2, 4, 3), [[1, 1], [1, 2]], 0),
        ((2, 3, 3), [[0, 1], [1, 0]], 2),
        ((2, 1, 3), [[1], [2]], 0),
        ((1, 5, 2), [[0, 0, 0]], 1),
        ((2, 2, 3), [[], []], 0),
        ((1, 3, 1), [[]], 0),
        ((2, 0, 2), [[], []], 0),
    ],
    ids=str,
)
def test_all_paths(shape, labels, blank: int) -> None:
    def twin(logits, target):
        return twins.ctc(logits, target, blank=blank)

    logits, target, dy = RNG.normal(size=shape), np.array(labels, np.int32), np.array([-1.7, 0.6])[: shape[0]]
    with jax.enable_x64(True):
        y, gradient = jax.device_get(quickly(CTC(blank=blank, reduction="none"), logits, target, dy))
    np.testing.assert_allclose(y, twin(logits, target)[0], rtol=1e-12)
    np.testing.assert_allclose(gradient, by_differences(twin, "none", logits, target, dy), rtol=1e-6, atol=1e-9)


def test_optax() -> None:
    logits, labels = RNG.normal(size=(3, 12, 5)), RNG.integers(1, 5, (3, 4))
    steps, counts = np.array([12, 10, 9]), np.array([4, 2, 3])
    steps_out, counts_out = (np.arange(12) >= steps[:, None]) * 1.0, (np.arange(4) >= counts[:, None]) * 1.0

    def theirs(logits):
        return optax.ctc_loss(logits, steps_out, labels, counts_out).mean()

    with jax.enable_x64(True):
        prediction, target = Padded(jnp.asarray(logits), steps), Padded(jnp.asarray(labels), counts)
        y, (gradient, _) = jax.device_get(quickly(CTC(), prediction, target, 1.0))
        expected = jax.jit(jax.value_and_grad(theirs), compiler_options=QUICK)(jnp.asarray(logits))
    assert float(y) == pytest.approx(float(expected[0]), rel=1e-9)
    np.testing.assert_allclose(gradient, expected[1], atol=1e-9)


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_examples_without_a_path(zero_infinity: bool) -> None:
    """Two labels in one step, two equal ones in two, any in none; the last example has a path, for it has no labels."""
    prediction = Padded(jnp.asarray(wave(4, 3, 3), "float32"), jnp.array([1, 2, 0, 0]))
    target = Padded(jnp.array([[1, 2], [1, 1], [1, 1], [1, 1]]), jnp.array([2, 2, 1, 0]))
    y, (gradient, _) = quickly(CTC(0, zero_infinity, reduction="none"), prediction, target, [1.0, 2.0, 3.0, 4.0])
    assert y.tolist() == [0.0 if zero_infinity else np.inf] * 3 + [0]
    assert not gradient.any()


def test_padding_is_never_looked_at() -> None:
    logits, labels = wave(4, 4, 3).astype(np.float32), LABELS.copy()
    other, numbers = logits.copy(), LABELS.copy()
    for example in range(4):
        other[example, STEPS[example] :] = [np.nan, np.inf, -1e30]
        numbers[example, COUNTS[example] :] = [-1, 0, 99, 1][example]
    for loss in (CTC(zero_infinity=True, reduction="none"), CTC(1, True, reduction="none")):
        expected = quickly(loss, Padded(logits, STEPS), Padded(labels, COUNTS), DY)
        actual = quickly(loss, Padded(other, STEPS), Padded(numbers, COUNTS), DY)
        jax.tree.map(np.testing.assert_array_equal, actual, expected)
        assert not any(actual[1].x[example, STEPS[example] :].any() for example in range(4))


def test_masked_steps_are_passed_over() -> None:
    """As if they were not there: at the front, in the middle and at the end."""
    logits, mask = jnp.asarray(wave(1, 7, 3), "float32"), np.array([[False, True, True, False, True, True, False]])
    y, (gradient, _) = quickly(CTC(), Padded(logits, mask), np.array([[2, 1]]), 1.0)
    expected_y, expected = quickly(CTC(), logits[:, mask[0]], np.array([[2, 1]]), 1.0)
    assert float(y) == pytest.approx(float(expected_y), rel=1e-6)
    np.testing.assert_allclose(gradient[:, mask[0]], expected, atol=1e-6)
    assert not gradient[:, ~mask[0]].any()


def test_a_label_that_is_blank_or_no_class_makes_the_loss_nan() -> None:
    y, gradient = quickly(CTC(reduction="none"), wave(4, 3, 3), np.array([[1, 0], [-1, 1], [1, 3], [1, 2]]), np.ones(4))
    assert np.isnan(y).tolist() == [True, True, True, False]
    assert np.isnan(gradient).any((1, 2)).tolist() == [True, True, True, False]


def test_rounding_stays_small_over_many_steps() -> None:
    """In PyTorch, in float32, such a gradient is off by 4e-3 to 8e-3 of its largest number (three random cases)."""
    logits, labels = 2 * RNG.normal(size=(1, 2000, 5)), RNG.integers(1, 5, (1, 100))
    _, low = quickly(CTC(), jnp.asarray(logits, "float32"), labels, 1.0)
    with jax.enable_x64(True):
        _, high = jax.device_get(quickly(CTC(), jnp.asarray(logits), labels, 1.0))
    assert np.abs(low - high).max() < 2e-4 * np.abs(high).max()


def test_large_logits_and_impossible_classes() -> None:
    """The path 1, 1, 2 is as good as certain, or with a class that never comes, the only one."""
    for low, high in ((-1e4, 1e4), (-np.inf, 0.0)):
        logits = jnp.full((1, 3, 3), low).at[0, jnp.arange(3), jnp.array([1, 1, 2])].set(high)
        y, gradient = quickly(CTC(), logits, np.array([[1, 2]]), 1.0)
        assert float(y) == 0 and not gradient.any()
    y, gradient = quickly(CTC(), logits, np.array([[2, 1]]), 1.0)
    assert float(y) == np.inf and not gradient.any()


def test_bfloat16_logits_give_a_float32_loss() -> None:
    y, gradient = quickly(CTC(), jnp.asarray(wave(2, 4, 3), "bfloat16"), np.array([[1], [2]], np.uint8), 1.0)
    assert y.dtype == jnp.float32 and gradient.dtype == jnp.bfloat16


def test_under_shard_map() -> None:
    mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    spec, x = jax.P("data"), (jnp.asarray(wave(2, 4, 3), "float32"), jnp.array([[1, 2], [2, 2]]))
    run = lambda *x: by_hand(CTC(reduction="none"), *x, jnp.ones(2))
    sharded = jax.jit(jax.shard_map(run, mesh=mesh, in_specs=spec, out_specs=spec), compiler_options=QUICK)(*x)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6),
        sharded,
        quickly(CTC(reduction="none"), *x, np.ones(2)),
    )


def test_bytes_saved() -> None:
    """Both as they came; in float32 two numbers a step, and the states before each step and after the last."""
    logits, labels = jax.ShapeDtypeStruct((2, 7, 5), "bfloat16"), jax.ShapeDtypeStruct((2, 3), "uint8")
    expected = 2 * (7 * 5 * 2 + 3 + 7 * 2 * 4 + 8 * 7 * 4 + 1)
    assert residual_bytes(CTC(), (logits, labels)) == expected
    steps, counts = jax.ShapeDtypeStruct((2,), "int32"), jax.ShapeDtypeStruct((2, 3), "bool")
    assert residual_bytes(CTC(), (Padded(logits, steps), Padded(labels, counts))) == expected + 2 * (4 + 3)


@pytest.mark.parametrize(
    ("loss", "x", "message"),
    [
        (CTC(), ((2, 3), (2, 3)), r"logits \(B, T, V\) and labels \(B, S\) of one batch, not \[2, 3\] and \[2, 3\]"),
        (CTC(), ((2, 3, 4), (3, 2)), r"of one batch, not \[2, 3, 4\] and \[3, 2\]"),
        (CTC(), ((2, 3, 4), (2,)), r"not \[2, 3, 4\] and \[2\]"),
        (CTC(blank=4), ((2, 3, 4), (2, 1)), r"CTC\(blank=4\) has its blank outside the 4 classes of \[2, 3, 4\]"),
        (CTC(blank=-1), ((2, 3, 4), (2, 1)), "outside the 4 classes"),
        (CTC(), ((2, 3, 0), (2, 1)), "outside the 0 classes"),
    ],
    ids=str,
)
def test_shapes_refused(loss: CTC, x, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(
            loss.forward, (), (), (jax.ShapeDtypeStruct(x[0], "float32"), jax.ShapeDtypeStruct(x[1], "int32"))
        )


def test_bad_input() -> None:
    logits, labels = jnp.ones((2, 3, 4)), jnp.ones((2, 2), int)
    with pytest.raises(ValueError, match=r"labels of an integer dtype, not float32: labels.astype\('int32'\)"):
        CTC().forward((), (), (logits, labels.astype("float32")))
    with pytest.raises(ValueError, match="lengths of 0 to 3, but that of sequence 1 is 4"):
        CTC().forward((), (), (Padded(logits, jnp.array([3, 4])), labels))
    with pytest.raises(ValueError, match="lengths of 0 to 2, but that of sequence 0 is -1"):
        CTC().forward((), (), (logits, Padded(labels, jnp.array([-1, 2]))))
    holes = np.array([[True, False], [False, True]])
    with pytest.raises(ValueError, match="mask of example 1 has padding before a label: move its labels to the front"):
        CTC().forward((), (), (logits, Padded(labels, holes)))
    for blank in (1.0, True, None):
        with pytest.raises(TypeError, match=f"CTC needs the number of a class as blank, not {blank}"):
            CTC(blank)  # type: ignore[arg-type]
