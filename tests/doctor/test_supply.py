"""What comes in too slowly, or wrong."""

import pytest

from backprop_jax.doctor.supply import data_starvation, label_noise
from tests.doctor.tables import steps, suspects


@pytest.mark.parametrize(("waiting", "is_sick"), [(0.19, False), (0.21, True)])
def test_data_starvation(waiting: float, is_sick: bool) -> None:
    found = data_starvation(steps([1.0] * 5, waiting=waiting) + steps([1.0] * 3, waiting=float("nan")))
    assert (found is not None) == is_sick
    assert data_starvation([]) is None and data_starvation(steps([1.0])) is None


@pytest.mark.parametrize(("suspected", "is_sick"), [(20, False), (21, True)])
def test_label_noise(suspected: int, is_sick: bool) -> None:
    found = label_noise(suspects(suspected, wrong=suspected, examples=200))
    assert (found is not None) == is_sick
    if found:
        assert found.where == "21 of 200 examples, the worst 0, 1, 2, 3, 4" and found.figure == 0.105


@pytest.mark.parametrize(("wrong", "is_sick"), [(80, True), (81, False)])
def test_a_model_that_is_often_wrong_is_no_judge_of_labels(wrong: int, is_sick: bool) -> None:
    assert (label_noise(suspects(50, wrong, examples=200)) is not None) == is_sick
    assert label_noise(suspects(50, 50, examples=99)) is None
