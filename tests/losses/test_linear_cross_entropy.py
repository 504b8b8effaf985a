from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.layers import Dense
from backprop_jax.losses import CrossEntropy, LinearCrossEntropy
from backprop_jax.losses.reduction import REDUCTIONS
from tests.oracles import losses as twins
from tests.temporary_memory import DEFAULT, temporary_bytes

RNG = np.random.default_rng(4)
HIDDEN, TABLE, B = RNG.normal(size=(2, 7, 3)), RNG.normal(size=(10, 3)), RNG.normal(size=10)
LABELS, WEIGHTS = RNG.integers(0, 10, (2, 7)), RNG.uniform(0.1, 2, (2, 7))
EVERYTHING = {"label_smoothing": 0.1, "z_loss": 0.02, "logit_softcap": 3.0}


def by_hand(loss, params, x, dy):
    y, _, residuals = loss.forward(params, (), x)
    dparams, dx = loss.backward(params, residuals, dy)
    assert all(part is None for part in dx[1:])
    return y, dparams, dx[0]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("chunk_size", [None, 1, 4, 99])
def test_is_cross_entropy_of_dense(reduction: str, chunk_size: int | None) -> None:
    """Value and gradients, 14 tokens in chunks of 1, of 4 with two left, and all at once."""
    with jax.enable_x64(True):
        dy = jnp.asarray(RNG.normal(size=(2, 7))) if reduction == "none" else jnp.float64(-1.7)
        options = {"label_smoothing": 0.1, "ignore_index": int(LABELS[0, 0]), "reduction": reduction}
        loss = LinearCrossEntropy(10, use_bias=True, chunk_size=chunk_size, **options)
        params = {"table": jnp.asarray(TABLE), "b": jnp.asarray(B)}
        y, dparams, dhidden = by_hand(loss, params, (jnp.asarray(HIDDEN), jnp.asarray(LABELS)), dy)

        dense, reference = Dense(10), CrossEntropy(**options)
        weights = {"w": jnp.asarray(TABLE.T), "b": jnp.asarray(B)}
        logits, _, saved = dense.forward(weights, (), jnp.asarray(HIDDEN))
        expected_y, _, residuals = reference.forward((), (), (logits, jnp.asarray(LABELS)))
        dweights, dx = dense.backward(weights, saved, reference.backward((), residuals, dy)[1][0])
    np.testing.assert_allclose(y, expected_y, rtol=1e-12)
    expected = dweights["w"].T, dweights["b"], dx
    for ours, theirs in zip((dparams["table"], dparams["b"], dhidden), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", [{}, EVERYTHING, {"ignore_index": int(LABELS[1, 1]), **EVERYTHING}], ids=str)
def test_numpy(options, reduction: str) -> None:
    terms, count, correct = twins.linear_cross_entropy(HIDDEN, TABLE, LABELS, B, WEIGHTS, **options)
    loss = LinearCrossEntropy(10, use_bias=True, accuracy=True, chunk_size=5, reduction=reduction, **options)
    with jax.enable_x64(True):
        x = tuple(map(jnp.asarray, (HIDDEN, LABELS, WEIGHTS)))
        (y, accuracy), _, _ = loss.forward({"table": jnp.asarray(TABLE), "b": jnp.asarray(B)}, (), x)
    np.testing.assert_allclose(y, twins.reduced(terms, count, reduction), rtol=1e-12)
    np.testing.assert_allclose(accuracy, correct.sum() / count, rtol=1e-12)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_torch(reduction: str) -> None:
    torch = pytest.importorskip("torch")
    hidden, table, b = (torch.tensor(part, requires_grad=True) for part in (HIDDEN.reshape(14, 3), TABLE, B))
    options = {"label_smoothing": 0.2, "ignore_index": 3, "reduction": reduction}
    functional = torch.nn.functional
    theirs = [functional.cross_entropy(functional.linear(hidden, table, b), torch.tensor(LABELS.ravel()), **options)]
    if hasattr(functional, "linear_cross_entropy"):
        call = functional.linear_cross_entropy
        theirs.append(call(hidden, table, torch.tensor(LABELS.ravel()), linear_bias=b, **options))
    dy = RNG.normal(size=14 if reduction == "none" else ())
    with jax.enable_x64(True):
        params, x = {"table": jnp.asarray(TABLE), "b": jnp.asarray(B)}, (jnp.asarray(HIDDEN), jnp.asarray(LABELS))
        loss = LinearCrossEntropy(10, use_bias=True, **options)
        y, dparams, dhidden = by_hand(loss, params, x, jnp.asarray(dy).reshape((2, 7) if dy.ndim else ()))
    for their_y in theirs:
        expected = torch.autograd.grad(their_y, (hidden, table, b), torch.tensor(dy))
        np.testing.assert_allclose(np.ravel(y), their_y.detach().numpy().ravel(), rtol=1e-12, atol=1e-15)
        for ours, gradient in zip((dhidden.reshape(14, 3), dparams["table"], dparams["b"]), expected, strict=True):
            np.testing.assert_allclose(ours, gradient, rtol=1e-11, atol=1e-14)


def test_ties_ignored_tokens_and_labels_that_are_none() -> None:
    params = {"table": jnp.array([[0.0], [1.0], [1.0]])}
    loss = LinearCrossEntropy(3, accuracy=True, ignore_index=-1)
    for labels, share in (([1, 1], 1), ([2, 1], 0.5), ([2, -1], 0), ([1, -1], 1)):
        assert float(loss.forward(params, (), (jnp.ones((2, 1)), jnp.array(labels)))[0][1]) == share
    y, dparams, dhidden = by_hand(loss, params, (jnp.ones((2, 1)), jnp.array([-1, -1])), (jnp.float32(3), None))
    assert [float(part) for part in y] == [0, 0] and not dparams["table"].any() and not dhidden.any()
    for label in (-2, 3):
        assert np.isnan(loss.forward(params, (), (jnp.ones((2, 1)), jnp.array([0, label])))[0][0])


def test_large_logits() -> None:
    y, _, dhidden = by_hand(
        LinearCrossEntropy(2), {"table": jnp.array([[1e4], [-1e4]])}, (jnp.ones((1, 1)), jnp.array([1])), jnp.float32(1)
    )
    assert float(y) == 2e4 and float(dhidden[0, 0]) == 2e4


def _program(loss, params, x):
    y, _, residuals = loss.forward(params, (), x)
    return y, loss.backward(params, residuals, y)


def test_temporary_memory() -> None:
    """At most an eighth of what jax.grad takes, which is two arrays of logits."""
    like = partial(jax.ShapeDtypeStruct, dtype=jnp.float32)
    for tokens, classes, width in ((2048, 8192, 64), (1024, 32768, 128)):
        x = like((tokens, width)), jax.ShapeDtypeStruct((tokens,), jnp.int32)
        program = jax.jit(partial(_program, LinearCrossEntropy(classes)))
        assert temporary_bytes(program.lower({"table": like((classes, width))}, x)) <= tokens * classes * 4 * 2 / 8


def test_evaluation_is_one_product() -> None:
    like, loss = partial(jax.ShapeDtypeStruct, dtype=jnp.float32), LinearCrossEntropy(64, chunk_size=256)
    inputs = {"table": like((64, 32))}, (like((256, 32)), jax.ShapeDtypeStruct((256,), jnp.int32))

    def flops(fn) -> float:
        cost = jax.jit(fn).lower(*inputs).compile(compiler_options=DEFAULT).cost_analysis()
        assert cost is not None
        return cost["flops"]

    product = 2 * 256 * 64 * 32
    assert flops(lambda params, x: loss.forward(params, (), x)[0]) < 1.5 * product
    assert flops(partial(_program, loss)) > 2.9 * product


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_classes": 0}, ValueError, "whole num_classes of 1 or more, not 0"),
        ({"chunk_size": 0}, ValueError, "whole chunk_size of 1 or more, not 0"),
        ({"z_loss": -1.0}, ValueError, "finite z_loss of 0 or more, not -1.0"),
        ({"logit_softcap": 0.0}, ValueError, "positive logit_softcap or None, not 0.0"),
        ({"label_smoothing": 1.0}, ValueError, "label_smoothing"),
        ({"ignore_index": 0.5}, TypeError, "integer ignore_index or None, not 0.5"),
    ],
    ids=str,
)
def test_hyper_parameters_refused(options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        LinearCrossEntropy(**{"num_classes": 3, **options})


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ((((4, 3), "float32"), ((4,), "int32")), r"needs a table of shape \[5, 3\], but was given \[5, 2\]"),
        ((((4, 2), "float32"), ((4,), "float32")), r"integer dtype and of shape \[4\], not float32\[4\]"),
        ((((4, 2), "float32"), ((4, 1), "int32")), r"of shape \[4\], not int32\[4, 1\]"),
        ((((4, 2), "float32"), ((4,), "int32"), ((3,), "float32")), r"weights of shape \[4\], not float32\[3\]"),
        ((((0, 2), "float32"), ((0,), "int32")), "mean of nothing"),
        ((((4, 2), "float32"),), r"takes \(hidden, target\) or \(hidden, target, weights\)"),
    ],
    ids=str,
)
def test_inputs_refused(shapes, message: str) -> None:
    x = tuple(jax.ShapeDtypeStruct(*shape) for shape in shapes)
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(LinearCrossEntropy(5).forward, {"table": jax.ShapeDtypeStruct((5, 2), "float32")}, (), x)
