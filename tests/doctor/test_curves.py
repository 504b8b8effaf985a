"""What the curves of the epochs tell."""

import pytest

from backprop_jax.doctor.curves import overfitting, underfitting
from tests.doctor.tables import health, history, steps

FALLING = [1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2]


@pytest.mark.parametrize(("end", "is_sick"), [(0.835, False), (0.845, True)])
def test_overfitting(end: float, is_sick: bool) -> None:
    validation = [1.0, 0.8, 0.8, 0.8, end, end, end]
    found = overfitting(history(FALLING, validation), steps([1.0]))
    assert (found is not None) == is_sick
    if found:
        assert found.figure == pytest.approx(end / 0.8 - 1) and found.where == "since epoch 2"


def test_a_single_epoch_a_training_loss_that_rises_too_and_few_epochs_are_no_overfitting() -> None:
    assert overfitting(history(FALLING, [1.0, 0.8, 0.8, 0.8, 0.8, 0.8, 2.0])) is None
    assert overfitting(history(FALLING[::-1], [1.0, 0.8, 0.8, 0.8, 1.0, 1.0, 1.0])) is None
    assert overfitting(history([2.0, 1.0], [1.0, 2.0])) is None and overfitting([]) is None


@pytest.mark.parametrize(("first", "is_sick"), [(4.3, False), (3.7, True)])
def test_a_rise_that_is_small_beside_all_that_was_learned_is_passed_over(first: float, is_sick: bool) -> None:
    validation = [1.0, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2]  # and 0.1 is 2.5 % of 4
    assert (overfitting(history(FALLING, validation), steps([first])) is not None) == is_sick


@pytest.mark.parametrize(("first", "is_sick"), [(2.1, False), (1.9, True)])
def test_underfitting(first: float, is_sick: bool) -> None:
    level = [1.5, 1.01] + [1.0] * 7
    found = underfitting(history(level, level), steps([first]))
    assert (found is not None) == is_sick
    if found:
        assert found.figure == pytest.approx(1 / first)


def test_what_still_falls_or_is_worse_on_held_out_data_is_no_underfitting() -> None:
    falling = [1.4, 1.3, 1.2, 1.15, 1.1, 1.05, 1.0, 0.95, 0.9]
    level = [1.0] * 9
    assert underfitting(history(falling, falling), steps([1.5])) is None
    assert underfitting(history(level, [1.2] * 9), steps([1.5])) is None
    assert underfitting(history(level, level), []) is None  # of which the beginning is not known
    assert underfitting([], steps([1.5])) is None


@pytest.mark.parametrize(("last", "is_sick"), [(0.24, False), (0.26, True)])
def test_a_loss_that_rests_as_a_schedule_ends_is_no_underfitting(last: float, is_sick: bool) -> None:
    falling = [1.4, 1.3, 1.2, 1.1, *[1.0] * 5]
    updates = [1.0] * 4 + [last] * 5
    told = [
        row for epoch, size in enumerate(updates, 1) for row in health({"weight": 1.0, "update": size}, epoch=epoch)
    ]
    assert (underfitting(history(falling, falling), steps([1.5]), told) is not None) == is_sick
