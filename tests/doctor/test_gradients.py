"""Gradients that vanish or explode."""

import math

import pytest

from backprop_jax.doctor import diagnose
from backprop_jax.doctor.gradients import (
    exploding_activations,
    exploding_backward,
    gradient_jumps,
    vanishing_gradients,
)
from tests.doctor.tables import NAN, health, history, steps


@pytest.mark.parametrize(("first", "is_sick"), [(1.01e-3, False), (0.99e-3, True)])
def test_a_layer_whose_gradient_is_a_thousandth_of_a_later_ones(first: float, is_sick: bool) -> None:
    found = vanishing_gradients([{"0": first, "1": 0.5, "2": 1.0}])
    assert (found is not None) == is_sick
    if found:
        assert "layer 0" in found.where and found.figure == pytest.approx(first) and found.threshold == 1e-3


def test_small_ones_behind_large_ones_frozen_ones_and_single_epochs_are_no_vanishing_gradients() -> None:
    assert vanishing_gradients([{"0": 1.0, "1": 1e-9}]) is None
    assert vanishing_gradients([{"0": 0.0, "1": 1.0}, {"0": NAN, "1": 1.0}]) is None
    assert vanishing_gradients([{"0": 1e-9, "1": 1.0}, {"0": 1.0, "1": 1.0}, {"0": 1.0, "1": 1.0}]) is None
    assert vanishing_gradients([]) is None and vanishing_gradients([{}]) is None


def test_the_layers_of_a_scan_are_judged_where_they_are_told_apart() -> None:
    told = health({"layer": "h[0]", "gradient": 1e-5}, {"layer": "h[1]", "gradient": 1.0})
    (found,) = diagnose(history([1.0], [1.0], h=1.0), health=told)
    assert found.name == "vanishing gradients" and found.where == "layer h[0]"


@pytest.mark.parametrize(("ratio", "is_sick"), [(990, False), (1010, True)])
def test_signals_that_grow_a_thousandfold(ratio: float, is_sick: bool) -> None:
    backward = exploding_backward(health({"cotangent": float(ratio)}, {"cotangent": 1.0}))
    forward = exploding_activations(health({"activation": 1.0}, {"activation": float(ratio)}))
    assert (backward is not None) == (forward is not None) == is_sick
    if backward and forward:
        assert backward.where == "layer 0" and forward.where == "layer 1"
        assert backward.figure == pytest.approx(ratio) == forward.figure


def test_signals_that_shrink_do_not_explode() -> None:
    told = health({"activation": 1e6, "cotangent": 1.0}, {"activation": 1.0, "cotangent": 1e6})
    assert exploding_backward(told) is None and exploding_activations(told) is None


@pytest.mark.parametrize(("norm", "is_sick"), [(9.9, False), (10.1, True), (math.inf, False), (NAN, False)])
def test_a_gradient_ten_times_the_usual(norm: float, is_sick: bool) -> None:
    found = gradient_jumps(steps([1.0] * 60, [1.0] * 50 + [norm] + [1.0] * 9))
    assert (found is not None) == is_sick
    if found:
        assert found.where == "1 of 60 steps, most at step 51"


@pytest.mark.parametrize(("times", "is_sick"), [(3, False), (4, True)])
def test_gradients_that_overflow_often_and_not_now_and_then(times: int, is_sick: bool) -> None:
    found = gradient_jumps(steps([1.0] * 60, [1.0] * (60 - times) + [math.inf] * times))
    assert (found is not None) == is_sick
    if found:
        assert (found.where, found.figure) == ("4 of 60 steps", pytest.approx(4 / 60))


def test_what_stays_below_the_gradients_at_the_start_is_no_jump() -> None:
    assert gradient_jumps(steps([1.0] * 100, [1.0] * 30 + [0.001] * 69 + [0.9])) is None
    assert gradient_jumps(steps([1.0] * 10, [1.0] * 9 + [1e9])) is None  # too few to know what is usual
    assert gradient_jumps([]) is None
