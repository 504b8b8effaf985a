"""All findings together."""

from backprop_jax.doctor import Finding, diagnose
from backprop_jax.train import StepRecord
from tests.doctor.tables import health, history, steps, suspects

LEVEL = [1.0] * 9


def test_nothing_is_found_in_nothing() -> None:
    assert diagnose() == () == diagnose([], [], [], [])


def test_what_has_another_cause_is_no_lack_of_capacity_and_no_wrong_label() -> None:
    tables = history(LEVEL, LEVEL), steps([1.5] * 9), health({"dead": 0.0}), suspects(30, 30, 200)
    assert [found.name for found in diagnose(*tables)] == ["underfitting", "label noise"]
    dead = *tables[:2], health({"dead": 1.0}), tables[3]
    assert [found.name for found in diagnose(*dead)] == ["dead units"]


def test_the_records_of_a_fit_will_do() -> None:
    """They tell nothing of the waiting."""
    (found,) = diagnose(
        steps=[StepRecord(number, 1.0, {"0": 1.0}) for number in range(50)] + [StepRecord(50, 1.0, {"0": 99.0})]
    )
    assert found.name == "exploding gradients"


def test_a_finding_prints_its_figure_its_limit_its_source_and_what_to_try() -> None:
    finding = Finding("cold", "layer 1", "its temperature", 1.23456, 10.0, "Frost, 1914", "a coat")
    expected = "cold, layer 1: its temperature is 1.23, the limit 10\n  try: a coat\n  see: Frost, 1914"
    assert str(finding) == expected
    assert str(finding._replace(where="")).startswith("cold: its")
