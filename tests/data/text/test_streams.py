import numpy as np
import pytest

from backprop_jax.data import stream_batches


def test_by_hand() -> None:
    batches = [(inputs.tolist(), targets.tolist()) for inputs, targets in stream_batches(np.arange(14), 2, 3)]
    assert batches == [
        ([[0, 1, 2], [6, 7, 8]], [[1, 2, 3], [7, 8, 9]]),
        ([[3, 4, 5], [9, 10, 11]], [[4, 5, 6], [10, 11, 12]]),
    ]


@pytest.mark.parametrize(("count", "size", "steps"), [(1000, 4, 7), (29, 4, 7), (57, 1, 8), (10, 3, 1)])
def test_rows_go_on_and_targets_are_one_ahead(count: int, size: int, steps: int) -> None:
    tokens = np.random.default_rng(0).integers(0, 50, count, dtype=np.int32)
    batches = list(stream_batches(tokens, size, steps))
    assert all(part.shape == (size, steps) and part.dtype == np.int32 for pair in batches for part in pair)
    inputs, targets = (np.concatenate(parts, axis=1) for parts in zip(*batches, strict=True))
    assert (inputs[:, 1:] == targets[:, :-1]).all()
    used = inputs.size
    assert (inputs.reshape(-1) == tokens[:used]).all()  # nothing is lost between the rows
    assert (targets.reshape(-1) == tokens[1 : used + 1]).all()
    assert count - 1 - used < size * steps


def test_small_integers_of_a_file_become_int32() -> None:
    (inputs, targets) = next(stream_batches(np.array([1, 65535, 3], np.uint16), 1, 2))
    assert inputs.dtype == targets.dtype == np.int32
    assert (inputs.tolist(), targets.tolist()) == ([[1, 65535]], [[65535, 3]])


def test_a_change_to_a_batch_changes_nothing_else() -> None:
    tokens = np.arange(9)
    for inputs, targets in stream_batches(tokens, 1, 4):
        inputs[:] = -1
        assert (targets > 0).all()
    assert (tokens == np.arange(9)).all()


def test_a_text_too_short_is_refused_at_the_call() -> None:
    list(stream_batches(np.arange(13), 4, 3))
    with pytest.raises(ValueError, match="12 tokens is too short for 4 rows of 3 steps, which take 13"):
        stream_batches(np.arange(12), 4, 3)
    with pytest.raises(ValueError, match="a text of 0 tokens"):
        stream_batches(np.array([], np.int32), 1, 1)


@pytest.mark.parametrize(("size", "steps"), [(0, 3), (3, 0), (-1, 3), (2.0, 3)])
def test_batches_of_nothing_are_refused(size: int, steps: int) -> None:
    with pytest.raises(ValueError, match="at least one row and one step"):
        stream_batches(np.arange(100), size, steps)


@pytest.mark.parametrize("tokens", [np.arange(100.0), np.arange(100).reshape(2, 50)])
def test_other_arrays_are_refused(tokens: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a vector of integers, not (float64|int64) of shape"):
        stream_batches(tokens, 2, 3)
