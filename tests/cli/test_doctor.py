"""`backprop-jax doctor` names what is wrong."""

import json
from pathlib import Path

import pytest

from backprop_jax.cli import main
from backprop_jax.doctor import save_health
from tests.doctor.tables import health


def test_findings_are_told_with_an_exit_status_of_their_own(tmp_path: Path, capsys) -> None:
    save_health(tmp_path / "health.csv", health({"dead": 0.75}))
    assert main(["doctor", str(tmp_path)]) == 3
    told = capsys.readouterr().out
    assert "dead units, layer 0" in told and "is 0.75, the limit 0.4" in told and "try: " in told and "see: " in told
    assert "1 finding\n" in told and "history.csv is not there" in told
    assert main(["doctor", str(tmp_path), "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in told["findings"]] == ["dead units"] and len(told["missing"]) == 3


def test_nothing_found_is_no_failure(tmp_path: Path, capsys) -> None:
    save_health(tmp_path / "health.csv", health({"dead": 0.1}))
    assert main(["doctor", str(tmp_path)]) == 0
    assert "nothing is found wrong" in capsys.readouterr().out
    assert main(["doctor", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_a_figure_without_bound_is_null_in_json(tmp_path: Path, capsys) -> None:
    losses = [2.5] * 50 + [float("inf")] * 30
    rows = [f"{number},1,{loss},,,1.0\n" for number, loss in enumerate(losses, 1)]
    (tmp_path / "steps.csv").write_text("step,epoch,loss,items_per_second,waiting,gradient_norm/0\n" + "".join(rows))
    assert main(["doctor", str(tmp_path), "--json"]) == 3
    text = capsys.readouterr().out
    assert "Infinity" not in text and json.loads(text)["findings"][0]["figure"] is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [([], "Required options"), (["{folder}/nowhere"], "no folder"), (["{folder}"], "line 2: epoch is no number")],
)
def test_what_is_at_fault_is_one_line(flags: list[str], message: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "health.csv").write_text("epoch,layer\nx,0\n")
    assert main(["doctor", *(flag.format(folder=tmp_path) for flag in flags)]) == 2
    told = capsys.readouterr()
    assert message in told.err and told.err.count("\n") == 1 and not told.out


def test_help_tells_the_exit_status(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    assert "3 if something was" in " ".join(capsys.readouterr().out.split())
