import numpy as np
import pytest

from backprop_jax.data import Examples, batches

EXAMPLES = Examples(np.arange(10.0)[:, None], np.arange(10))


def test_training_batches_are_shuffled_whole_and_drawn_once_each() -> None:
    drawn = list(batches(EXAMPLES, 4, seed=0))
    assert [len(y) for _, y in drawn] == [4, 4]
    labels = np.concatenate([y for _, y in drawn])
    assert len(set(labels.tolist())) == 8
    assert labels.tolist() != sorted(labels)
    assert all((x[:, 0] == y).all() for x, y in drawn)


def test_training_batches_depend_on_the_seed_alone() -> None:
    first, again, next_epoch = ([y.tolist() for _, y in batches(EXAMPLES, 5, seed=(7, epoch))] for epoch in (1, 1, 2))
    assert first == again != next_epoch


def test_evaluation_batches_keep_order_and_remainder() -> None:
    assert [y.tolist() for _, y in batches(EXAMPLES, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [len(y) for _, y in batches(EXAMPLES, 100)] == [10]


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nothing_is_refused_at_the_call(size: int) -> None:
    with pytest.raises(ValueError, match="at least one example"):
        batches(EXAMPLES, size)


def test_a_training_batch_larger_than_the_data_is_refused_at_the_call() -> None:
    with pytest.raises(ValueError, match="a batch of 11 is larger than the data set of 10 examples"):
        batches(EXAMPLES, 11, seed=0)
