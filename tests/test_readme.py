"""What the README and the documents show is what runs."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest

import backprop_jax as bp

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def python_blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def blocks() -> list[str]:
    return python_blocks(README)


def test_the_first_example_learns_and_the_second_differentiates(blocks: list[str], capsys) -> None:
    names: dict = {}
    exec(blocks[0], names)
    assert len(blocks[0].strip().splitlines()) <= 30
    assert float(names["loss"]) < 0.1
    assert "residual bytes" in capsys.readouterr().out
    exec(blocks[2], names)


def test_the_sequences(blocks: list[str]) -> None:
    names: dict = {"jax": jax, "bp": bp}
    (block,) = (block for block in blocks if "LSTMCell" in block)
    exec(block, names)
    y = names["y"]
    assert y.x.shape == (2, 5, 64) and y.lengths.tolist() == [5, 3]
    assert not y.x[1, 3:].any()


def test_the_harvest(blocks: list[str], capsys) -> None:
    names: dict = {}
    (block,) = (block for block in blocks if "fused_update" in block)
    exec(block, names)
    assert len(capsys.readouterr().out.splitlines()) >= 3
    norms = [np.sum(np.square(leaf)) for leaf in jax.tree.leaves(names["gradient"])]
    assert np.isfinite(norms).all() and names["why"].shape == (16, 8, 8)


def test_training_that_goes_on(blocks: list[str], tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    resumed, loaded, averaged, healthy = (block for block in blocks if "trained = train.fit(" in block)
    names: dict = {}
    exec(resumed, names)
    assert names["trained"].history[-1].validation_accuracy > 0.9
    assert len((tmp_path / "run/steps.csv").read_text().splitlines()) == 1 + names["trained"].history[-1].step
    exec(loaded, names)
    assert names["trained"].history[-1].validation_loss < 0.6
    exec(averaged, names)
    assert names["folds"].mean < 0.2 and names["params"] is not None
    capsys.readouterr()
    exec(healthy, names)
    assert capsys.readouterr().out.strip() == ""


def test_pictures(blocks: list[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = (block for block in blocks if "plot_computation_graph" in block)
    exec(block, {})
    assert "<svg" in (tmp_path / "graph.svg").read_text()


def test_which_learning_rate(blocks: list[str], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    (block,) = (block for block in blocks if "tuning.sweep" in block)
    exec(block, names)
    assert names["found"].scores.shape == (8, 2, 2) and names["found"].scores.min() < 0.2
    assert (tmp_path / "rates.png").is_file() and (tmp_path / "sweep.png").is_file()


def test_a_step_that_goes_wrong(blocks: list[str], capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = (block for block in blocks if "with_taps" in block)
    exec(block, {})
    assert "first not finite: 3, forward" in capsys.readouterr().out
    assert (tmp_path / "step.safetensors").is_file()


def test_the_others_run(blocks: list[str], capsys) -> None:
    """The optimizers, and the images, whose two models agree on what the augmentation gives."""
    names: dict = {"jax": jax, "bp": bp}
    for block in blocks:
        if "with_hyperparams" in block or "fold_batch_norm" in block:
            exec(block, names)
    assert "learning_rate" in capsys.readouterr().out
    folded, params, state = names["inference"]
    assert "BatchNorm" not in repr(folded)
    images = jax.random.normal(jax.random.key(1), (2, 32, 32, 3))
    images, _ = names["augment"](jax.random.key(2), images, np.arange(2))
    expected, _, _ = jax.jit(bp.eval_mode(names["model"]).forward)(names["params"], names["state"], images)
    np.testing.assert_allclose(jax.jit(folded.forward)(params, state, images)[0], expected, rtol=1e-4, atol=1e-4)


def test_every_public_name_that_it_mentions_exists() -> None:
    table = README.partition("## What is in it")[2].partition("## Measured")[0]
    for line in table.splitlines()[3:]:
        room, _, members = line.strip("|").partition("|")
        module = getattr(bp, room.strip(" `"), bp)
        for name in re.findall(r"`(\w+)`", members):
            assert hasattr(module, name), f"{room}{name}"


DOCUMENTS = [path for path in sorted((ROOT / "docs").glob("*.md")) if python_blocks(path.read_text())]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_code_of_a_document_runs_from_top_to_bottom(document: Path) -> None:
    names: dict = {}
    for block in python_blocks(document.read_text()):
        exec(block, names)
    assert names


def test_a_transform_takes_fifteen_lines_and_does_what_the_document_says() -> None:
    names: dict = {}
    first = python_blocks((ROOT / "docs" / "writing_a_transform.md").read_text())[0]
    exec(first, names)
    code = first.partition("from backprop_jax import optim\n")[2]
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 15
    transform = names["agree"](0.5)
    state = transform.init(jax.numpy.zeros(2))
    updates, state = transform.update(jax.numpy.array([1.0, -1.0]), state)
    assert updates.tolist() == [1.0, -1.0]
    updates, state = transform.update(jax.numpy.array([-0.1, -0.1]), state)  # the averages are 0.2 and -0.3 now
    assert updates.tolist() == pytest.approx([0.0, -0.1]) and state.average.tolist() == pytest.approx([0.2, -0.3])


def test_the_curvature(blocks: list[str], capsys) -> None:
    names: dict = {}
    (block,) = (block for block in blocks if "kronecker_layout" in block)
    exec(block, names)
    assert names["training"].optimizer_state[0].count == 1 and np.isfinite(names["loss"])
    assert re.search(r"\[ *[\d.]+ +[\d.]+ +[\d.e-]+", capsys.readouterr().out)
