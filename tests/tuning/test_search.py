"""Optuna's search over what changes shapes."""

import sys

import pytest

from backprop_jax import tuning


def test_it_finds_the_best_and_ends_what_has_no_hope() -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ends = []

    def run(report, width: float, rate: float) -> float:
        if rate > 0.5:
            raise FloatingPointError("diverged")
        for epoch in range(3):
            report(abs(width - 32) + 3 - epoch)
        ends.append(width)
        return abs(width - 32)

    space = {"width": tuning.OneOf((8, 16, 32, 64)), "rate": tuning.LogUniform(1e-3, 1)}
    study = tuning.search(run, space, 40, seed=1)
    assert study.best_params["width"] == 32 and study.best_value == 0
    states = {trial.state.name for trial in study.trials}
    assert states == {"COMPLETE", "PRUNED", "FAIL"} and len(ends) < 40
    assert len(tuning.search(run, space, 2, study=study).trials) == 42


def test_bad_input_is_refused(monkeypatch) -> None:
    pytest.importorskip("optuna")
    for space, count, words in (({}, 1, "an axis"), ({"a": tuning.Uniform(0, 1)}, 0, "1 or more")):
        with pytest.raises(ValueError, match=words):
            tuning.search(lambda report: 0.0, space, count)
    with pytest.raises(TypeError, match="'a' must be OneOf"):
        tuning.search(lambda report, a: 0.0, {"a": (1, 2)}, 1)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModuleNotFoundError, match=r"backprop-jax\[tuning\]"):
        tuning.search(lambda report: 0.0, {}, 1)
