from itertools import islice

import numpy as np
import pytest

from backprop_jax.data import random_windows


def test_rows_are_pieces_of_the_text_and_targets_one_ahead() -> None:
    tokens = np.arange(100, 120, dtype=np.uint16)
    begins = set()
    for inputs, targets in islice(random_windows(tokens, 3, 4, seed=0), 200):
        assert inputs.dtype == targets.dtype == np.int32
        assert inputs.shape == targets.shape == (3, 4)
        assert (inputs == inputs[:, :1] + np.arange(4)).all()
        assert (targets == inputs + 1).all()
        begins |= set((inputs[:, 0] - 100).tolist())
    assert begins == set(range(16))  # the last one reads to the last token


def test_the_shortest_text_has_one_window() -> None:
    inputs, targets = next(random_windows(np.arange(4), 2, 3, seed=0))
    assert (inputs.tolist(), targets.tolist()) == ([[0, 1, 2]] * 2, [[1, 2, 3]] * 2)


def test_the_batches_depend_on_the_seed_alone() -> None:
    draw = lambda seed: [inputs.tolist() for inputs, _ in islice(random_windows(np.arange(99), 2, 3, seed), 5)]
    assert draw((0, 1)) == draw((0, 1)) != draw((0, 2))


def test_a_change_to_a_batch_changes_nothing_else() -> None:
    tokens = np.arange(1, 9, dtype=np.int32)
    inputs, targets = next(random_windows(tokens, 2, 4, seed=0))
    inputs[:] = -1
    assert (targets > 0).all()
    assert (tokens == np.arange(1, 9)).all()


@pytest.mark.parametrize(
    ("tokens", "size", "steps", "message"),
    [
        (np.arange(9), 0, 3, "at least one row and one step, not 0 and 3"),
        (np.arange(9), 3, 0, "not 3 and 0"),
        (np.arange(9.0), 3, 3, "a vector of integers, not float64"),
        (np.ones((3, 3), int), 3, 3, r"of shape \(3, 3\)"),
        (np.arange(3), 1, 3, "3 tokens is too short for 3 steps, which take 4"),
    ],
)
def test_bad_input_is_refused_at_the_call(tokens: np.ndarray, size: int, steps: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random_windows(tokens, size, steps, 0)
