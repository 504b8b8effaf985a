"""`backprop-jax explain` tells of networks with random parameters, and of those that a training left."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import data
from backprop_jax.cli import main
from backprop_jax.cli.explain_flags import Explain
from backprop_jax.cli.explained import load_subject
from backprop_jax.cli.refused import Refused
from backprop_jax.cli.text_flags import TrainText
from backprop_jax.cli.text_model import build_model, make_notes
from backprop_jax.train import save_model, save_params


def table(told: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split() for line in told.splitlines() if line}


def test_a_trained_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits, page = data.digits(), tmp_path / "page.html"
    params, state = bp.models.mlp((8,), 10).init(jax.random.key(3), digits.test.x[:1])
    notes = {"model": "mlp", "width": "8", "depth": "1", "dropout": "0.0", "data": "digits8x8"}
    save_model(tmp_path / "params.safetensors", params, state, notes)
    assert main(["explain", str(tmp_path), "--batch-size", "3", "--out", str(page)]) == 0
    told = capsys.readouterr().out
    assert "float32[3, 8, 8, 1], int32[3]" in told and f"written: {page}" in told
    rows = table(told)
    assert rows["total"][1] == str(64 * 8 + 8 + 8 * 10 + 10) and float(rows["total"][-1]) < 1e-12
    assert rows["1"][1] == "Dense" and "float32[3, 8]" in page.read_text(encoding="utf-8")


def test_a_trained_network_of_text(tmp_path: Path) -> None:
    vocabulary, flags = data.CharacterVocabulary.from_text("to be or not, "), TrainText(width=4, embedding_width=2)
    params, _ = build_model(vocabulary, flags).init(jax.random.key(0), np.zeros((1, 1), np.int32))
    save_params(tmp_path / "params.safetensors", params, make_notes(flags, vocabulary, "a text"))
    (tmp_path / "text.txt").write_text("to be, or not to be: that is the question\n" * 3)
    asked = Explain(str(tmp_path), tmp_path / "text.txt", batch_size=2, length=5)
    objective, read, state, (x, y) = load_subject(asked)
    jax.tree.map(np.testing.assert_array_equal, read, params)
    assert [vocabulary.decode(row) for row in (*x, *y)] == ["to be", ", or ", "o be,", " or n"]
    assert jax.eval_shape(objective.forward, read, state, (x, y))[0].shape == ()
    with pytest.raises(Refused, match="the text has no 1001 tokens"):
        load_subject(replace(asked, length=500))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["nowhere"], "nowhere"),
        (["mlp", "--batch-size", "0"], "--batch-size must be 1 or more"),
        (["{file}"], "is neither a network (mlp, "),
        (["{images}"], "--data must name the folder"),
    ],
)
def test_flags_at_fault_are_one_line(flags: list[str], message: str, tmp_path: Path, capsys) -> None:
    save_params(tmp_path / "file", {"w": np.ones(1)}, {})
    save_params(tmp_path / "images", {"w": np.ones(1)}, {"model": "lenet", "data": "pets"})
    assert main(["explain", *(flag.format(file=tmp_path / "file", images=tmp_path / "images") for flag in flags)]) == 2
    told = capsys.readouterr()
    assert message in told.err and told.err.count("\n") == 1 and not told.out


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explain", "--help"])
    assert "--batch-size" in capsys.readouterr().out
