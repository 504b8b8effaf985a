"""Units that no longer answer."""

import pytest

from backprop_jax.doctor.units import dead_units, saturated_activations
from tests.doctor.tables import health


@pytest.mark.parametrize(("fraction", "is_sick"), [(0.4, False), (0.41, True)])
def test_dead_units(fraction: float, is_sick: bool) -> None:
    found = dead_units(health({}, {"dead": 0.1}, {"dead": fraction}))
    assert (found is not None) == is_sick
    if found:
        assert found.where == "layer 2" and found.figure == fraction


@pytest.mark.parametrize(("fraction", "is_sick"), [(0.5, False), (0.51, True)])
def test_saturated_activations(fraction: float, is_sick: bool) -> None:
    found = saturated_activations(health({}, {"saturated": fraction}, {"saturated": 0.1}))
    assert (found is not None) == is_sick


def test_it_is_the_last_epoch_that_counts_and_the_worst_layer_is_named() -> None:
    early = health({"dead": 1.0})
    assert dead_units(early + health({"dead": 0.0}, epoch=2)) is None
    found = dead_units(early + health({"dead": 0.5}, {"dead": 0.9}, {"dead": 0.6}, epoch=2))
    assert found and found.where == "layer 1 and 2 more" and found.figure == 0.9
    assert dead_units([]) is None
