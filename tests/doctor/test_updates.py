"""Updates over the weights that they are added to."""

import pytest

from backprop_jax.doctor.updates import large_updates, small_updates
from tests.doctor.tables import health


def over_epochs(*updates: float) -> list:
    """Of a layer of norm 2; beside one without parameters, one of zeros and one that is frozen."""
    others = {}, {"weight": 0.0, "update": 1.0}, {"weight": 1.0, "update": 0.0}
    return [
        row
        for epoch, update in enumerate(updates)
        for row in health({"weight": 2.0, "update": update}, *others, epoch=epoch)
    ]


@pytest.mark.parametrize(("update", "is_sick"), [(0.19, False), (0.21, True)])
def test_large_updates(update: float, is_sick: bool) -> None:
    found = large_updates(over_epochs(update, update, 1e-3))
    assert (found is not None) == is_sick
    if found:
        assert found.name == "learning rate too high" and found.figure == pytest.approx(update / 2)


@pytest.mark.parametrize(("update", "is_sick"), [(2.1e-5, False), (1.9e-5, True)])
def test_small_updates(update: float, is_sick: bool) -> None:
    found = small_updates(over_epochs(update, 0.0, 1e-9))
    assert (found is not None) == is_sick
    if found:
        assert found.name == "learning rate too low" and found.figure == pytest.approx(update / 2)


def test_nothing_is_said_of_nothing() -> None:
    assert large_updates([]) is None and small_updates([]) is None
    assert large_updates(health({})) is None and small_updates(health({})) is None
