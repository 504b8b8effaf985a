"""What a layer prints makes it again, and nothing else is made."""

from pathlib import Path

import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest.diagnosis.written_values import read_value, write_tree
from tests.test_catalogue import MODELS


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    model, _ = MODELS[name]
    assert read_value(repr(model)) == model


def test_losses_dtypes_and_named_joins() -> None:
    sides = bp.fan_out(a=bp.Dense(2), b=bp.cast(bp.Dense(2), "bfloat16"), join=bp.Sum())
    objective = bp.supervised(bp.lora(sides, 1), losses.CrossEntropy(label_smoothing=0.1))
    assert read_value(repr(objective)) == objective


def test_trees() -> None:
    tree = {"a": (1.5, None, [2]), 3: bp.Padded(np.zeros(2), ())}
    leaves = {}

    def name(leaf):
        return leaves.setdefault(f"t{len(leaves)}", leaf) is leaf and f"t{len(leaves) - 1}"

    again = read_value(write_tree(tree, name), leaves)
    assert again["a"] == tree["a"] and type(again[3]) is bp.Padded and again[3].x is tree[3].x


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').remove({path!r})",
        "open({path!r}, 'w')",
        "Dense.__init__",
        "Dense(features=open({path!r}, 'w'))",
        "[part for part in ()]",
        "Dense(**{{'features': 1}})",
        "lambda: 0",
        "Dense(features=2)(1)",
        "Dense(features=-2)",
        "Dense(nonsense=1)",
        "unknown",
        "Dense(",
        "1 + 1",
        "(" * 500 + ")" * 500,
    ],
)
def test_anything_else_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("kept")
    with pytest.raises(ValueError):
        read_value(text.format(path=str(path)))
    assert path.read_text() == "kept"
