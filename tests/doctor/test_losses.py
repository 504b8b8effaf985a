"""What the losses of the steps tell."""

import numpy as np
import pytest

from backprop_jax.doctor.losses import falls_slowly, loss_spikes, rises_above_start, rises_again
from tests.doctor.tables import NAN, history, steps

RULES = loss_spikes, rises_above_start, rises_again, falls_slowly


def noise(count: int, size: float) -> np.ndarray:
    return np.random.default_rng(0).uniform(-size, size, count)


HEALTHY = 0.1 + 2.2 * np.exp(-np.arange(400) / 50) + noise(400, 0.05)


@pytest.mark.parametrize("count", [0, 1, 49, 400])
def test_a_loss_that_falls_is_no_sickness(count: int) -> None:
    assert [rule(steps(HEALTHY[:count])) for rule in RULES] == [None] * 4


def test_single_losses_of_a_model_that_has_learned_nearly_all_are_no_spikes() -> None:
    uneven = 1e-3 * np.exp(np.random.default_rng(0).standard_normal(1000))
    assert [rule(steps(uneven)) for rule in RULES] == [None] * 4


@pytest.mark.parametrize(("deviations", "is_sick"), [(5.5, False), (6.5, True)])
def test_loss_spikes(deviations: float, is_sick: bool) -> None:
    """Logarithms of 1 and -1 in turn, whose deviation is 1."""
    losses = np.exp(np.where(np.arange(200) % 2, 1.0, -1.0))
    losses[150] = np.exp(deviations)
    found = loss_spikes(steps(losses))
    assert (found is not None) == is_sick
    if found:
        assert found.where == "1 of 200 steps" and found.figure == pytest.approx(deviations, rel=0.02)


def test_another_level_and_the_first_hundred_losses_are_no_spikes() -> None:
    flat = np.exp(noise(300, 0.1))
    assert loss_spikes(steps(np.concatenate([flat, 10 * flat]))) is None
    flat[50] = 100
    assert loss_spikes(steps(flat)) is None
    below_0 = np.where(np.arange(200) % 2, 1.0, -1.0)
    below_0[150] = 20
    assert loss_spikes(steps(below_0)) is not None


@pytest.mark.parametrize(("factor", "is_sick"), [(3.9, False), (4.1, True), (NAN, True)])
def test_a_loss_above_that_at_the_start(factor: float, is_sick: bool) -> None:
    losses = np.array([2.0] * 3 + [2.0 * factor] * 3 + [1.9] * 94)
    found = rises_above_start(steps(losses))
    assert (found is not None) == is_sick
    if found:
        assert found.name == "learning rate too high"
    losses[4] = 1.9
    assert rises_above_start(steps(losses)) is None  # single ones


@pytest.mark.parametrize(("end", "is_sick"), [(1.45, False), (1.55, True)])
def test_a_fall_that_is_lost_again(end: float, is_sick: bool) -> None:
    losses = np.concatenate([np.linspace(2, 1, 50), np.linspace(1, end, 40), np.full(10, end)])
    found = rises_again(steps(losses))
    assert (found is not None) == is_sick
    if found:
        assert found.figure == pytest.approx(end - 1, abs=0.05)


def test_batches_that_differ_are_no_rise() -> None:
    """Of a model that had learned all before."""
    assert rises_again(steps(0.1 * np.exp(np.random.default_rng(0).standard_normal(300)))) is None


@pytest.mark.parametrize(("bend", "is_sick"), [(0.35, False), (0.45, True)])
def test_a_little_fall_along_a_line(bend: float, is_sick: bool) -> None:
    """`bend` of the fall is in the second half."""
    half = 1000
    losses = 2.3 - 0.1 * np.concatenate([np.linspace(0, 1 - bend, half), np.linspace(1 - bend, 1, half)])
    found = falls_slowly(steps(losses))
    assert (found is not None) == is_sick
    if found:
        assert found.name == "learning rate too low" and "3.9%" in found.measure


@pytest.mark.parametrize(("bend", "is_sick"), [(0.35, False), (0.45, True)])
def test_the_curve_of_the_epochs_is_smoother(bend: float, is_sick: bool) -> None:
    uneven = 2.3 + np.random.default_rng(0).uniform(-0.3, 0.3, 100)
    train = [2.3, 2.3 - (1 - bend) * 0.05, 2.3 - (1 - bend) * 0.1, 2.3 - (1 - bend / 2) * 0.1, 2.2]
    assert falls_slowly(steps(uneven)) is None
    assert (falls_slowly(steps(uneven), history(train, train)) is not None) == is_sick


@pytest.mark.parametrize(("fall", "is_sick"), [(0.19, True), (0.3, False)])
def test_a_great_fall_is_none_that_is_slow(fall: float, is_sick: bool) -> None:
    assert (falls_slowly(steps(np.linspace(1, 1 - fall, 500))) is not None) == is_sick
