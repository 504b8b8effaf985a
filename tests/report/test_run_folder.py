"""What is read from the folder of a training, whole or not."""

from pathlib import Path

import numpy as np
import pytest

from backprop_jax.report import read_run_folder


def test_a_training_that_is_still_writing(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('model = "mlp"\nepochs = 3\n')
    (tmp_path / "history.csv").write_text("epoch,train_loss,validation_loss\n")
    (tmp_path / "steps.csv").write_text("step,loss,waiting\n1,2.5,\n2,nan,0.5\n3,1.")
    (tmp_path / "b.svg").write_text("<svg/>")
    (tmp_path / "a.png").write_bytes(b"")
    run = read_run_folder(tmp_path)
    assert run.settings == {"model": "mlp", "epochs": 3} and run.name == tmp_path.name
    assert run.history is None and run.health is None  # no rows, no file
    assert run.steps is not None
    np.testing.assert_array_equal(run.steps["step"], [1, 2])
    np.testing.assert_array_equal(run.steps["waiting"], [np.nan, 0.5])
    assert [path.name for path in run.pictures] == ["a.png", "b.svg"]


def test_an_epoch_that_is_there_twice_counts_as_the_last_time(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,train_loss\n1,5\n2,4\n3,3\n2,1\n3,0\n")
    history = read_run_folder(tmp_path).history
    assert history is not None
    np.testing.assert_array_equal(history["epoch"], [1, 2, 3])
    np.testing.assert_array_equal(history["train_loss"], [5, 1, 0])


def test_texts_stay_texts(tmp_path: Path) -> None:
    (tmp_path / "health.csv").write_text('epoch,layer,dead\n1,"0/a,b",\n1,2,0.5\n')
    health = read_run_folder(tmp_path).health
    assert health is not None and health["layer"].tolist() == ["0/a,b", "2"]
    (tmp_path / "health.csv").write_text("epoch,layer,dead\n1,0,\n1,10,0.5\n")
    health = read_run_folder(tmp_path).health
    assert health is not None and health["layer"].tolist() == ["0", "10"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("history.csv", "epoch,loss\n1,2\n1\n", r"history.csv is damaged: line 3 has 1 of 2 columns"),
        ("history.csv", "epoch,loss\none,2\n", r"history.csv is damaged: it has no column epoch of numbers"),
        ("steps.csv", "loss\n1\n", r"steps.csv is damaged: it has no column step"),
        ("config.toml", "model = \n", r"config.toml is damaged"),
    ],
)
def test_what_is_damaged_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_run_folder(tmp_path)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no folder of a training"):
        read_run_folder(tmp_path)
    with pytest.raises(ValueError, match="no folder of a training"):
        read_run_folder(tmp_path / "missing")
