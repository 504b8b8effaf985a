from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.testing.cases import QUICK, hand_written, make_case
from tests.catalogue import StepByStep, normal

CELLS = [bp.RNNCell(3), bp.LSTMCell(3, use_peepholes=True, projection=2), bp.GRUCell(3), StepByStep(bp.GRUCell(3))]
X = normal(3, 5, 4)


@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_a_stream_in_pieces_is_one_call(cell: Any) -> None:
    layer = bp.recurrent(cell, carry="state")
    params, state = layer.init(jax.random.key(0), X)
    whole, (_, last), _ = layer.forward(params, state, X)
    pieces = []
    for piece in (X[:, :2], X[:, 2:3], X[:, 3:]):
        y, state, _ = layer.forward(params, state, piece)
        pieces.append(y)
    np.testing.assert_allclose(np.concatenate(pieces, 1), whole, rtol=0, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6), state[1], last)


def test_no_gradient_crosses_a_call() -> None:
    """Truncated: the gradient of the second piece is that of a sequence which begins with the carry it was given."""
    cell, x = bp.GRUCell(3), X
    streaming, given = bp.recurrent(cell, carry="state"), bp.recurrent(cell, carry="input")
    params, state = streaming.init(jax.random.key(0), x)
    _, state, _ = streaming.forward(params, state, x[:, :3])
    y, _, residuals = streaming.forward(params, state, x[:, 3:])
    found = streaming.backward(params, residuals, y)
    _, _, residuals = given.forward(params, (), (x[:, 3:], state[1]))
    dparams, (dx, dcarry) = given.backward(params, residuals, (y, None))
    jax.tree.map(np.testing.assert_array_equal, found, (dparams, dx))
    assert np.abs(dcarry).max() > 1e-3


@pytest.mark.parametrize(("cell", "form"), list(zip(CELLS[1:], ("lengths", "mask", "lengths"), strict=True)), ids=repr)
def test_what_stands_past_the_end_changes_nothing(cell: Any, form: str) -> None:
    """Not even if it is no number; and as if each sequence were given alone, cut to its length."""
    layer, lengths = bp.recurrent(cell, carry="input"), np.array([2, 5, 0])
    real = np.arange(5) < lengths[:, None]
    start = jax.tree.map(lambda leaf: normal(*leaf.shape), cell.initial_carry(jnp.asarray(X[:, 0])))
    told = lengths if form == "lengths" else real
    clean = make_case(layer, (bp.Padded(X, told), start), np.random.default_rng(0))
    spoil = lambda array: np.where(real[..., None], array, np.nan).astype(np.float32)
    spoilt = clean._replace(x=(bp.Padded(spoil(X), told), start))
    spoilt = spoilt._replace(dy=(bp.Padded(spoil(clean.dy[0].x), None), clean.dy[1]))
    run = jax.jit(partial(hand_written, layer), compiler_options=QUICK)
    found, expected = run(spoilt), run(clean)
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    (y, last), (_, (dx, dstart)) = found
    assert not y.x[~real].any() and not dx.x[~real].any()
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[2], b[2]), last, start)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[2], b[2]), dstart, clean.dy[1])
    alone = clean._replace(x=jax.tree.map(lambda leaf: leaf[:1], (X[:, :2], start)))
    alone = alone._replace(dy=jax.tree.map(lambda leaf: leaf[:1], (clean.dy[0].x[:, :2], clean.dy[1])))
    (y_alone, last_alone), (_, (dx_alone, dstart_alone)) = run(alone)
    for mine, whole in zip(
        jax.tree.leaves((y_alone, last_alone, dx_alone, dstart_alone)),
        jax.tree.leaves((y.x[:, :2], last, dx.x[:, :2], dstart)),
        strict=True,
    ):
        np.testing.assert_allclose(mine[0], whole[0], rtol=0, atol=1e-6)


def test_gaps_are_left_out() -> None:
    layer, gaps = bp.recurrent(bp.LSTMCell(3)), np.array([[True, False, False, True, True]])
    params, _ = layer.init(jax.random.key(0), X)
    y, _, _ = layer.forward(params, (), bp.Padded(X[:1], gaps))
    expected, _, _ = layer.forward(params, (), X[:1, gaps[0]])
    np.testing.assert_allclose(y.x[:, gaps[0]], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS[2:], ids=repr)
def test_reversed_is_the_sequence_back_to_front(cell: Any) -> None:
    forwards, backwards = bp.recurrent(cell), bp.recurrent(cell, reverse=True)
    params, _ = forwards.init(jax.random.key(0), X)
    y, _, _ = backwards.forward(params, (), X)
    expected, _, _ = forwards.forward(params, (), X[:, ::-1])
    np.testing.assert_allclose(y, expected[:, ::-1], rtol=0, atol=1e-6)


def test_under_jit_lengths_are_not_known_and_taken_as_they_are() -> None:
    layer = bp.recurrent(bp.RNNCell(3))
    params, _ = layer.init(jax.random.key(0), X)
    y = jax.jit(lambda lengths: layer.forward(params, (), bp.Padded(X, lengths))[0])(jnp.array([9, -1, 5])).x
    assert not y[1].any() and y[0, -1].all()


@pytest.mark.parametrize("steps", [0, 1])
def test_few_steps(steps: int) -> None:
    layer = bp.recurrent(bp.LSTMCell(3), carry="input")
    start = bp.LSTMCarry(normal(3, 3), normal(3, 3))
    params, _ = layer.init(jax.random.key(0), (X, start))
    (y, last), _, residuals = layer.forward(params, (), (X[:, :steps], start))
    assert y.shape == (3, steps, 3)
    dparams, (dx, dstart) = layer.backward(params, residuals, (None, start))
    assert dx.shape == (3, steps, 4) and (steps == 1) == bool(dx.any()) == bool(dparams["u"].any())
    if steps == 0:
        jax.tree.map(np.testing.assert_array_equal, (last, dstart), (start, start))


ZEROS = np.zeros((3, 3), np.float32)


@pytest.mark.parametrize(
    ("options", "x", "message"),
    [
        (
            {},
            np.zeros(3, np.float32),
            r"Recurrent\(GRUCell\(features=3\)\) needs sequences \(B, T, ...\), .*, not \[\[3\]\]",
        ),
        ({}, (np.zeros((2, 3, 4), np.float32), np.zeros((2, 4, 4), np.float32)), "of one B and T"),
        ({}, bp.Padded(np.zeros((2, 3, 4), np.float32), None), "Padded without lengths"),
        ({}, np.zeros((3, 5), np.float32), r"GRUCell\(features=3\) needs the x of one step, \(B, D\).*, not \[3\]"),
        ({}, np.zeros((3, 3), np.float32), r"GRUCell\(features=3\) needs the x of one step, \(B, D\).*, not \[3\]"),
        (
            {},
            np.zeros((3, 5, 2, 4), np.float32),
            r"GRUCell\(features=3\) needs the x of one step, \(B, D\).*, not \[3, 2, 4\]",
        ),
        ({}, np.zeros((3, 5, 2), np.float32), "was initialized for inputs of width 4, but was given width 2"),
        ({}, np.zeros((3, 5, 4), np.int32), r"floating point input, not int32\[3, 4\]"),
        ({}, bp.Padded(X, jnp.array([6, 0, 0])), "lengths of 0 to 5, but that of sequence 0 is 6"),
        ({}, bp.Padded(X, jnp.array([5, 0, -1])), "lengths of 0 to 5, but that of sequence 2 is -1"),
        ({}, bp.Padded(X, jnp.array([5, 0])), "was given 2 lengths for the 3 sequences"),
        ({"carry": "input"}, jnp.asarray(X), r"needs a tuple of 2 inputs, not a \w+\[3, 5, 4\]"),
        ({"carry": "input"}, (X, ZEROS, ZEROS), "needs a tuple of 2 inputs, not a tuple of 3"),
        ({"carry": "input"}, (X, (ZEROS, ZEROS)), r"needs a carry like 'floating\[3, 3\]', not \('floating"),
        ({"carry": "input"}, (X, ZEROS[:1]), r"needs a carry like 'floating\[3, 3\]', not 'floating\[1, 3\]"),
        ({"carry": "input"}, (X, ZEROS.astype(np.int32)), r"needs a carry like 'floating\[3, 3\]', not 'int32\[3, 3\]"),
        ({"carry": "state"}, X[:2], r"needs a carry like 'floating\[2, 3\]', not 'floating\[3, 3\]"),
    ],
    ids=lambda part: None if isinstance(part, tuple | jax.Array | np.ndarray) else str(part),
)
def test_bad_input(options: Any, x: Any, message: str) -> None:
    layer = bp.recurrent(bp.GRUCell(3), **options)
    params, state = layer.init(jax.random.key(0), (X, ZEROS) if options.get("carry") == "input" else X)
    with pytest.raises(ValueError, match=message):
        layer.forward(params, state, x)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (partial(bp.recurrent, bp.Dense(3)), TypeError, r"a layer that has an initial_carry: Dense\(features=3\)"),
        (partial(bp.recurrent, jnp.tanh), TypeError, "recurrent takes layers"),
        (partial(bp.recurrent, bp.RNNCell(3), carry="both"), ValueError, "'zero', 'input', 'state', not 'both'"),
        (partial(bp.recurrent, bp.RNNCell(3), unroll=0), ValueError, "unroll 1 step or more, a whole number, not 0"),
        (partial(bp.recurrent, bp.RNNCell(3), unroll=True), ValueError, "a whole number, not True"),
    ],
    ids=["no cell", "no layer", "carry", "unroll", "unroll by yes"],
)
def test_bad_arguments(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
