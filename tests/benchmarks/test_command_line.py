"""The whole program on a tiny workload, with a real worker process."""

import json
from contextlib import nullcontext

import pytest

from benchmarks import __main__ as command_line
from benchmarks import contestants, machine, workload
from benchmarks.runner import Outcome
from tests.benchmarks.tiny import TINY

NUMBERS = (
    "median_ms",
    "iqr_ms",
    "spread",
    "ratio",
    "trace_lower_s",
    "compile_s",
    "temp_bytes",
    "rounds",
    "steps_a_round",
)
OF_SOME_WORKLOADS = "matmul_share", "bytes_a_token"


@pytest.fixture(autouse=True)
def tiny_workload(monkeypatch):
    load = workload.load
    monkeypatch.setattr(workload, "load", lambda name: TINY if name == "tiny" else load(name))
    monkeypatch.setattr(machine, "busy_share", lambda: 0.0)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The document and the table of one run."""
    folder = tmp_path_factory.mktemp("published")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workload, "load", lambda name: TINY)
        patch.setattr(machine, "busy_share", lambda: 0.5)
        patch.setitem(
            contestants.CONTESTANTS, "equinox", contestants.Contestant("jax", "", ("no_such_package",), "bench")
        )
        files = ["--json", str(folder / "tiny.json"), "--markdown", str(folder / "tiny.md")]
        assert command_line.main(["tiny", "--repeats", "1", "--allow-noise", *files]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["tiny.json", "tiny.md"]
    return json.loads((folder / "tiny.json").read_text()), (folder / "tiny.md").read_text()


def test_json_has_an_entry_for_each_contestant_of_each_case(published):
    document, _ = published
    assert document["workload"] == "tiny"
    there = [(entry["case"], entry["name"]) for entry in document["contestants"]]
    assert there == [(case, name) for case in TINY.cases for name in ("ours", "jax_grad", "flax_optax")]
    for entry in document["contestants"]:
        assert set(entry) == {"name", "case", *NUMBERS, *OF_SOME_WORKLOADS}
        assert all(isinstance(entry[key], int | float) for key in NUMBERS)
        assert entry["median_ms"] > 0 and entry["trace_lower_s"] > 0 and entry["compile_s"] > 0
        assert entry["rounds"] == 1


def test_json_tells_where_and_when(published):
    document, _ = published
    assert document["machine"]["cores"] >= 1
    assert {"python", "jax", "jaxlib"} <= set(document["versions"])
    assert len(document["date"]) == len("2000-01-01")


def test_noise_is_marked(published):
    document, table = published
    assert document["noisy"] is True
    assert "50% of the CPU is in use before the start, more than 10%" in document["noise"]
    assert "**Noisy, not for publication:**" in table


def test_the_table_has_ratios_and_names_who_is_missing(published):
    document, table = published
    assert document["not_measured"] == {"equinox": "needs backprop-jax[bench]"}
    assert table.count("| equinox | not measured: needs backprop-jax[bench] |") == len(TINY.cases)
    widths = {line.count("|") for line in table.splitlines() if line.startswith("|")}
    assert len(widths) == 1
    assert table.count("| ours |") == len(TINY.cases)


def test_noise_is_refused(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(machine, "busy_share", lambda: 0.5)
    files = ["--json", str(tmp_path / "tiny.json"), "--markdown", str(tmp_path / "tiny.md")]
    assert command_line.main(["tiny", "--contestants", "ours", *files]) == 3
    assert_one_line(capfd, "not published: 50% of the CPU is in use before the start")
    assert not list(tmp_path.iterdir())


def test_noise_that_comes_later_is_refused_too(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(command_line, "measure", lambda *arguments: Outcome([], {}))
    monkeypatch.setattr(command_line.noise, "disturbed", lambda *arguments: ["ours spreads by 50%"])
    monkeypatch.setattr(command_line, "workers", lambda *arguments: nullcontext({}))
    assert command_line.main(["tiny", "--contestants", "ours", "--json", str(tmp_path / "tiny.json")]) == 3
    assert_one_line(capfd, "not published: ours spreads by 50%")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "name a workload: "),
        (["no_such"], "unknown workload 'no_such': choose from attention"),
        (["tiny", "--contestants", "ours,no_such"], "unknown contestant 'no_such': choose from ours, jax_grad"),
        (["tiny", "--contestants", "torch_eager"], "tiny has no contestant torch_eager: choose from ours"),
        (["tiny", "--cases", "batch 5"], "tiny has no case with 'batch 5' in its name: choose from batch 4; batch 6"),
        (["tiny", "--repeats", "0"], "--repeats needs 1 round or more, not 0"),
        (["tiny", "--json", "no_such_folder/tiny.json"], "cannot write no_such_folder/tiny.json"),
    ],
)
def test_wrong_use_is_one_line(arguments, complaint, capfd):
    assert command_line.main(arguments) == 2
    assert_one_line(capfd, complaint)


def test_wrong_options_are_one_line(capfd):
    with pytest.raises(SystemExit) as stopped:
        command_line.main(["tiny", "--repeats", "many"])
    assert stopped.value.code == 2
    assert_one_line(capfd, "argument --repeats: invalid int value")


def test_asking_for_a_contestant_that_is_not_installed_names_the_extra(capfd, monkeypatch):
    lacking = contestants.Contestant("jax", "", ("no_such_package",), "bench")
    monkeypatch.setitem(contestants.CONTESTANTS, "equinox", lacking)
    assert command_line.main(["tiny", "--contestants", "equinox"]) == 2
    assert_one_line(capfd, "cannot run equinox: it needs backprop-jax[bench]")


def test_the_list_names_everything(capsys):
    assert command_line.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in (*workload.names(), *contestants.CONTESTANTS))


def assert_one_line(capfd, beginning: str) -> None:
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"benchmarks: {beginning}")
    assert printed.err.count("\n") == 1
