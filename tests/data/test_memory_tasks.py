import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.data import adding_problem, copy_task


def test_the_sum_of_the_two_marked() -> None:
    x, y = adding_problem(500, 7, seed=0)
    assert x.dtype == y.dtype == np.float32
    assert x.shape == (500, 7, 2)
    assert y.shape == (500, 1)
    for (numbers, marks), (total,) in zip(x.transpose(0, 2, 1), y, strict=True):
        first, second = np.flatnonzero(marks)
        assert first < 3 <= second
        assert marks[first] == marks[second] == 1
        assert total == pytest.approx(numbers[first] + numbers[second])
    assert all(len(np.unique(np.argmax(half, axis=1))) == half.shape[1] for half in (x[:, :3, 1], x[:, 3:, 1]))


def test_the_constant_answer_has_an_error_of_a_sixth() -> None:
    x, y = adding_problem(20_000, 2, seed=0)
    assert (x[..., 0] >= 0).all()
    assert (x[..., 0] < 1).all()
    assert np.mean((y - 1) ** 2) == pytest.approx(1 / 6, abs=0.004)


def test_symbols_are_told_again_after_the_delay() -> None:
    x, y = copy_task(50, 4, seed=0, length=3, symbols=5)
    assert x.dtype == y.dtype == np.int32
    for row, told in zip(x.tolist(), y.tolist(), strict=True):
        assert row[3:] == [5, 5, 5, 6, 5, 5, 5]
        assert told == [5] * 7 + row[:3]
    assert set(x[:, :3].flat) == set(range(5))


def test_one_step_of_delay_is_the_delimiter() -> None:
    x, y = copy_task(1, 1, seed=0, length=1, symbols=2)
    assert x[0, 1:].tolist() == [3, 2]
    assert y[0].tolist() == [2, 2, x[0, 0]]


@pytest.mark.parametrize("task", [adding_problem, copy_task])
def test_seeds(task) -> None:
    (first, _), (again, _), (other, _) = (task(3, 9, seed) for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_sizes_that_are_none() -> None:
    for size, steps in ((0, 5), (3, 1)):
        with pytest.raises(ValueError, match=f"of 2 steps or more, not {size} of {steps}"):
            adding_problem(size, steps, 0)
    for sizes in ((0, 1, 1, 2), (1, 0, 1, 2), (1, 1, 0, 2), (1, 1, 1, 1)):
        size, delay, length, symbols = sizes
        with pytest.raises(ValueError, match=f"2 symbols or more, not {size}, {delay}, {length} and {symbols}"):
            copy_task(size, delay, 0, length, symbols)


def test_a_small_lstm_learns_to_add() -> None:
    """What it learns is to remember: no answer that ignores the numbers has less than 1/6."""
    model = bp.chain(bp.recurrent(bp.LSTMCell(16)), bp.LastStep(), bp.Dense(1))
    objective = bp.supervised(model, bp.losses.MeanSquaredError())
    optimizer = bp.optim.chain(bp.optim.clip_by_global_norm(1.0), bp.optim.adam(1e-2))
    batches = [adding_problem(64, 12, (0, number)) for number in range(300)]
    training = bp.train.start(objective, optimizer, jax.random.key(0), batches[0])
    step = bp.train.make_step(objective, optimizer)
    for batch in batches:
        training, _ = step(training, batch)
    error, _, _ = jax.jit(objective.forward)(training.params, training.state, adding_problem(1000, 12, 1))
    assert error < 0.03
