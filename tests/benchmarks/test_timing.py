import pytest

from benchmarks.timing import ratio, summarize


def test_median_and_interquartile_range():
    summary = summarize([5.0, 1.0, 4.0, 2.0, 3.0])
    assert summary.median == 3.0
    assert summary.iqr == 2.0  # from 2 to 4
    assert summary.spread == pytest.approx(2 / 3)


def test_one_wild_round_moves_nothing():
    quiet, disturbed = [1.0] * 20, [1.0] * 19 + [100.0]
    assert summarize(quiet) == summarize(disturbed) == (1.0, 0.0)


def test_a_single_round_has_no_spread():
    assert summarize([2.0]) == (2.0, 0.0)


def test_the_ratio_is_paired_by_round():
    drifting = [1.0, 2.0, 4.0, 8.0, 16.0]
    assert ratio([0.5 * seconds for seconds in drifting], drifting) == 0.5


def test_a_ratio_needs_the_same_rounds():
    with pytest.raises(ValueError):
        ratio([1.0], [1.0, 2.0])
