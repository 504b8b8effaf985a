import numpy as np
import pytest

from backprop_jax.data import bucket_batches

RNG = np.random.default_rng(0)
LENGTHS = [0, 1, 8, 9, 16, 17, 60, *RNG.integers(1, 40, 100).tolist()]
# The first token is the row number, so that a row can be recognised; the one of length 0 is row 0.
SEQUENCES = [np.arange(row, row + length) for row, length in enumerate(LENGTHS)]
ROWS = np.arange(len(LENGTHS))


def test_by_hand() -> None:
    sequences = [[5, 6, 7], [1], [2, 3], [4, 4, 4, 4]]
    batches = list(bucket_batches(sequences, ["a", "b", "c", "d"], 1, boundaries=[2, 4]))
    found = [(tokens.tolist(), lengths.tolist(), y.tolist()) for (tokens, lengths), y in batches]
    assert found == [
        ([[1, 0]], [1], ["b"]),
        ([[2, 3]], [2], ["c"]),
        ([[5, 6, 7, 0]], [3], ["a"]),
        ([[4, 4, 4, 4]], [4], ["d"]),
    ]


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("boundaries", [None, [20, 60]])
def test_rows_are_whole_and_drawn_once_each(seed: int | None, boundaries: list[int] | None) -> None:
    seen = []
    for (tokens, lengths), rows in bucket_batches(SEQUENCES, ROWS, 16, seed, boundaries):
        assert tokens.dtype == lengths.dtype == np.int32
        for found, length, row in zip(tokens, lengths, rows, strict=True):
            assert length == LENGTHS[row]
            assert (found[:length] == SEQUENCES[row]).all()
            assert (found[length:] == 0).all()
            seen.append(int(row))
    assert len(seen) == len(set(seen)) == (len(ROWS) if seed is None else len(ROWS) // 16 * 16)


@pytest.mark.parametrize("seed", [None, 3])
def test_there_are_few_shapes_and_at_most_one_incomplete_batch(seed: int | None) -> None:
    shapes = [tokens.shape for (tokens, _), _ in bucket_batches(SEQUENCES, ROWS, 16, seed)]
    assert {steps for _, steps in shapes} <= {8, 16, 32, 64}
    sizes = [size for size, _ in shapes]
    if seed is None:
        assert sizes == [16] * 6 + [11]
        assert [steps for _, steps in shapes] == sorted(steps for _, steps in shapes)
    else:
        assert sizes == [16] * 6
        assert [steps for _, steps in shapes] != sorted(steps for _, steps in shapes)


def test_full_batches_are_no_longer_than_their_boundary_asks() -> None:
    sequences = [np.zeros(length, int) for length in (3, 3, 3, 3, 9, 9, 100)]
    steps = [tokens.shape for (tokens, _), _ in bucket_batches(sequences, np.zeros(7), 2)]
    assert steps == [(2, 8), (2, 8), (2, 16), (1, 104)]


def test_training_batches_depend_on_the_seed_alone() -> None:
    first, again, next_epoch = (
        [rows.tolist() for _, rows in bucket_batches(SEQUENCES, ROWS, 16, (7, epoch))] for epoch in (1, 1, 2)
    )
    assert first == again != next_epoch
    assert {row for rows in first for row in rows} != {row for rows in next_epoch for row in rows}  # 11 are left out


def test_tags_are_padded_by_what_the_loss_ignores() -> None:
    tags = [sequence + 1 for sequence in SEQUENCES]
    for (tokens, lengths), y in bucket_batches(SEQUENCES, tags, 16):
        inside = np.arange(tokens.shape[1]) < lengths[:, None]
        assert y.dtype == np.int32
        assert (y == np.where(inside, tokens + 1, -1)).all()


def test_tags_of_sequences_of_one_length() -> None:
    (_, y) = next(bucket_batches(np.ones((4, 3), int), np.ones((4, 3), int), 4))
    assert y.tolist() == [[1, 1, 1, -1, -1, -1, -1, -1]] * 4


def test_a_data_set_of_empty_sequences() -> None:
    ((tokens, lengths), y) = next(bucket_batches([[], []], [1, 0], 2))
    assert (tokens.shape, lengths.tolist(), y.tolist()) == ((2, 8), [0, 0], [1, 0])


@pytest.mark.parametrize(
    ("sequences", "y", "options", "message"),
    [
        ([], [], {}, "there are no sequences"),
        ([[1], [2]], [0], {}, "2 sequences and 1 labels"),
        ([[1], [0.5]], [0, 1], {}, "sequence 1 must be a vector of integers, not float64"),
        ([[1], [[2]]], [0, 1], {}, r"sequence 1 must be a vector of integers, not int64 of shape \(1, 1\)"),
        ([[1], [2, 3]], [[0], [1]], {}, "sequence 1 has 2 tokens and 1 tags"),
        ([[1], [2, 3]], [[0], [1, 0.5]], {}, "y 1 must be a vector of integers"),
        ([[1], [2, 3, 4]], [0, 1], {"boundaries": [1, 2]}, "sequence 1 has length 3, beyond the last boundary, 2"),
        ([[1]], [0], {"boundaries": [2, 2]}, r"boundaries must increase from 1 or more, not \[2, 2\]"),
        ([[1]], [0], {"boundaries": [0, 2]}, "boundaries must increase"),
        ([[1]], [0], {"boundaries": []}, "boundaries must increase"),
        ([[1]], [0], {"size": 0}, "at least one sequence, not 0"),
        ([[1]], [0], {"size": 2, "seed": 0}, "a batch of 2 is larger than the data set of 1 sequences"),
    ],
)
def test_bad_input_is_refused_at_the_call(sequences: list, y: list, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bucket_batches(sequences, y, **{"size": 1, **options})
