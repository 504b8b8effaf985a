import numpy as np
import pytest

from backprop_jax.data import Examples, split

LABELS = np.repeat(np.arange(4), (10, 20, 30, 40))
EXAMPLES = Examples(np.arange(100.0)[:, None], LABELS)
NAMES = tuple("abcd")


def test_the_parts_make_the_whole() -> None:
    parts = split(EXAMPLES, NAMES)
    rows = np.concatenate([part.x[:, 0] for part in (parts.train, parts.validation, parts.test)])
    assert sorted(rows) == list(range(100))


def test_each_part_has_the_share_of_every_class() -> None:
    parts = split(EXAMPLES, NAMES, validation=0.1, test=0.2)
    assert np.bincount(parts.test.y).tolist() == [2, 4, 6, 8]
    assert np.bincount(parts.validation.y).tolist() == [1, 2, 3, 4]
    assert np.bincount(parts.train.y).tolist() == [7, 14, 21, 28]


def test_the_split_depends_on_the_seed_alone() -> None:
    first, again, other = (split(EXAMPLES, NAMES, seed=seed) for seed in (3, 3, 4))
    assert (first.test.x == again.test.x).all()
    assert (first.test.x != other.test.x).any()


@pytest.mark.parametrize("fractions", [(0, 0.2), (0.1, 1.0), (0.5, 0.5), (float("nan"), 0.2)])
def test_fractions_that_leave_a_part_empty_are_refused(fractions: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="fractions that leave some to train on"):
        split(EXAMPLES, NAMES, validation=fractions[0], test=fractions[1])


def test_a_class_too_small_for_any_part_is_refused() -> None:
    with pytest.raises(ValueError, match="no examples"):
        split(EXAMPLES[:2], NAMES)
