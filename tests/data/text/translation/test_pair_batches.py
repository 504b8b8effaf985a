import numpy as np
import pytest

from backprop_jax.data import translation_batches

BEGIN, END = 1, 2


def test_by_hand() -> None:
    sources, targets = [[5, 6, 7], [8], [9]], [[15], [18], [19, 19]]
    first, second = translation_batches(sources, targets, 2, BEGIN, END, boundaries=[2, 4])
    assert first.source.tolist() == [[8, 0, 0, 0], [5, 6, 7, 0]]
    assert first.lengths.tolist() == [1, 3]
    assert first.inputs.tolist() == [[1, 18, 0, 0], [1, 15, 0, 0]]
    assert first.targets.tolist() == [[18, 2, -1, -1], [15, 2, -1, -1]]
    assert [part.tolist() for part in second] == [[[9, 0, 0, 0]], [1], [[1, 19, 19, 0]], [[19, 19, 2, -1]]]


@pytest.mark.parametrize("seed", [None, 3])
def test_pairs_are_whole_together_and_drawn_once(seed: int | None) -> None:
    rng = np.random.default_rng(0)
    sources, targets = ([np.full(n, row + 3) for row, n in enumerate(rng.integers(0, 30, 50))] for _ in range(2))
    seen = []
    for source, lengths, inputs, wanted in translation_batches(sources, targets, 8, BEGIN, END, seed):
        assert source.shape == inputs.shape == wanted.shape
        assert source.shape[1] in (8, 16, 32)
        assert {part.dtype for part in (source, lengths, inputs, wanted)} == {np.dtype(np.int32)}
        for row, length, given, told in zip(source, lengths, inputs, wanted, strict=True):
            count = int((told >= 0).sum())
            number = int(given[1] if count > 1 else row[0]) - 3
            assert row.tolist() == [*sources[number], *[0] * (len(row) - length)]
            assert given.tolist() == [BEGIN, *targets[number], *[0] * (len(row) - count)]
            assert told.tolist() == [*targets[number], END, *[-1] * (len(row) - count)]
            seen.append(number)
    assert len(seen) == len(set(seen)) == (50 if seed is None else 48)


def test_batches_depend_on_the_seed_alone() -> None:
    rows = [[row] for row in range(20)]
    draw = lambda seed: [b.source.tolist() for b in translation_batches(rows, rows, 4, BEGIN, END, seed)]
    assert draw((0, 1)) == draw((0, 1)) != draw((0, 2))


@pytest.mark.parametrize(
    ("sources", "targets", "options", "message"),
    [
        ([], [], {}, "there are no sequences"),
        ([[1]], [[1], [2]], {}, "1 sources and 2 targets"),
        ([[0.5]], [[1]], {}, "source 0 must be a vector of integers, not float64"),
        ([[1], [2]], [[1], [[2]]], {}, "target 1 must be a vector of integers"),
        ([[1]], [[1]], {"begin": -1}, "begin must be a token, a whole number of 0 or more, not -1"),
        ([[1]], [[1]], {"end": None}, "end must be a token"),
        ([[1]], [[1, 2]], {"boundaries": [2]}, "sequence 0 has length 3, beyond the last boundary, 2"),
        ([[1]], [[1]], {"size": 0}, "at least one sequence, not 0"),
        ([[1]], [[1]], {"size": 2, "seed": 0}, "a batch of 2 is larger"),
    ],
)
def test_bad_input_is_refused_at_the_call(sources: list, targets: list, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        translation_batches(sources, targets, **{"size": 1, "begin": BEGIN, "end": END, **options})
