import numpy as np
import pytest

from backprop_jax.data import ParallelText, split_parallel

TEXT = ParallelText(tuple(f"s{n % 40}" for n in range(50)), tuple(f"t{n}" for n in range(50)))


def test_rows_are_chosen_by_slices_and_arrays() -> None:
    for rows in (slice(48, None), np.array([48, 49])):
        assert TEXT[rows] == ParallelText(("s8", "s9"), ("t48", "t49"))
    assert len(TEXT) == 50


def test_parts_are_all_pairs_and_share_no_source() -> None:
    parts = split_parallel(TEXT, validation=0.1, test=0.2)
    assert [len(set(part.sources)) for part in parts] == [28, 4, 8]
    assert len({source for part in parts for source in part.sources}) == 40
    pairs = sorted(pair for part in parts for pair in zip(part.sources, part.targets, strict=True))
    assert pairs == sorted(zip(TEXT.sources, TEXT.targets, strict=True))


def test_the_split_depends_on_the_seed_alone() -> None:
    first, again, other = (split_parallel(TEXT, seed=seed) for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize(
    ("sources", "targets", "message"),
    [(("a", "b"), ("c",), "2 sources and 1 targets"), ((), (), "there are no sentences")],
)
def test_bad_pairs_are_refused(sources: tuple[str, ...], targets: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ParallelText(sources, targets)


def test_bad_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="fractions that leave some to train on"):
        split_parallel(TEXT, 0.5, 0.5)
    with pytest.raises(ValueError, match="too few"):
        split_parallel(TEXT[:3])
