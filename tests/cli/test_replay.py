"""`backprop-jax replay` names the layer."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.cli import main
from backprop_jax.harvest import write_replay

MODEL = bp.chain(a=bp.Dense(3), blocks=bp.scan(bp.Dense(3), 2), c=bp.from_function(jnp.sin))
OBJECTIVE = bp.supervised(MODEL, losses.MeanSquaredError())


def objective() -> bp.Layer:
    return OBJECTIVE


def test_it_names_the_first_bad_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "step.safetensors")
    batch = np.ones((2, 4), np.float32), np.ones((2, 3), np.float32)
    params, state = OBJECTIVE.init(jax.random.key(0), batch)
    params["blocks"]["w"] = params["blocks"]["w"].at[1, 0, 2].set(jnp.inf)
    write_replay(file, OBJECTIVE, params, state, batch, note="step 12")

    assert main(["replay", file]) == 2
    assert "has to be given as objective" in (told := capsys.readouterr().err) and told.count("\n") == 1
    assert main(["replay", file, "--objective", "tests.cli.test_replay:objective"]) == 0
    told = capsys.readouterr().out
    assert "note: step 12" in told
    rows = {line.split()[0]: line.split() for line in told.splitlines() if line}
    assert {"a", "blocks[0]", "blocks[1]", "c"} <= rows.keys()
    assert rows["blocks[1]"][-1] in ("6", "2", "4")
    assert "first not finite: blocks, layer 1 of the scan, forward: its output is not finite" in told


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["nowhere"], "there is no"),
        ([], "Required options"),
        (["{text}"], "not a safetensors file"),
        (["{text}", "--objective", "tests.cli.test_replay"], "module:name"),
        (["{text}", "--objective", "tests.cli.test_replay:nothing"], "nothing"),
        (["{text}", "--objective", "tests.cli.test_replay:np"], "is no objective"),
    ],
)
def test_flags_at_fault_are_one_line(flags: list[str], message: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "text").write_text("no tensors")
    assert main(["replay", *(flag.format(text=tmp_path / "text") for flag in flags)]) == 2
    told = capsys.readouterr()
    assert message in told.err and told.err.count("\n") == 1 and not told.out


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["replay", "--help"])
    assert "--objective" in capsys.readouterr().out
