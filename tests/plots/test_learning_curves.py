"""Curves of what was measured after the epochs."""

import numpy as np
import pytest

from backprop_jax import plots

HISTORY = {
    "epoch": [1, 2, 3],
    "step": [10, 20, 30],
    "train_accuracy": [0.5, 0.7, 0.9],
    "validation_accuracy": [0.4, 0.8, 0.6],
    "train_loss": [9.0, 1.0, 0.1],
    "validation_loss": [9.0, 2.0, 3.0],
}


def test_a_field_for_each_quantity_with_the_best_validation_marked() -> None:
    loss, accuracy = plots.plot_learning_curves(HISTORY).axes
    assert (loss.get_title("left"), accuracy.get_title("left")) == ("loss", "accuracy")
    train, validation, best = loss.lines
    np.testing.assert_array_equal(train.get_xydata(), [[1, 9], [2, 1], [3, 0.1]])
    np.testing.assert_array_equal(validation.get_ydata(), [9, 2, 3])
    assert best.get_xydata().tolist() == [[2, 2]]
    assert accuracy.lines[-1].get_xydata().tolist() == [[2, 0.8]]  # of accuracies the largest
    assert loss.get_yscale() == "log" and accuracy.get_yscale() == "linear"
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "train, 0.1 in the end",
        "validation, 3 in the end",
    ]


def test_batches_lie_behind_over_steps() -> None:
    steps = {"step": np.arange(1, 31), "loss": np.full(30, 4.0)}
    loss = plots.plot_learning_curves(HISTORY, steps).axes[0]
    assert loss.get_xlabel() == "step" and len(loss.lines[0].get_xdata()) == 30
    np.testing.assert_array_equal(loss.lines[2].get_xdata(), [10, 20, 30])


def test_what_diverged_and_what_was_not_validated_is_drawn() -> None:
    loss = plots.plot_learning_curves({"epoch": [1, 2], "train_loss": [1.0, np.nan], "validation_loss": [np.nan] * 2})
    assert len(loss.axes[0].lines) == 2
    assert len(plots.plot_learning_curves({"step": [1, 2], "train_loss": [1.0, 2.0]}).axes[0].lines) == 1
    with pytest.raises(ValueError, match="no column train_"):
        plots.plot_learning_curves({"epoch": [1]})
    with pytest.raises(ValueError, match="no column step to draw over among train_loss"):
        plots.plot_learning_curves({"train_loss": [1.0, 2.0]})
