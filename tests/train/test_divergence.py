"""The error names the layer and the file, whatever becomes of the file."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest import find_first_bad, read_replay
from backprop_jax.train.divergence import divergence

OBJECTIVE = bp.supervised(bp.chain(a=bp.Dense(2), b=bp.Dense(2)), bp.losses.MeanSquaredError())
BATCH = np.ones((1, 2), np.float32), np.ones((1, 2), np.float32)


@pytest.fixture
def sick() -> tuple[Any, Any]:
    params, state = OBJECTIVE.init(jax.random.key(0), BATCH)
    params["b"]["w"] = params["b"]["w"].at[0, 1].set(jnp.inf)
    return params, state


def test_the_first_line_tells_the_layer_and_how_to_see_it_again(sick: tuple[Any, Any], tmp_path: Path) -> None:
    file = tmp_path / "a step"
    error = divergence(OBJECTIVE, *sick, BATCH, step=7, loss=float("inf"), replay=file)
    first, layer, *arrays = str(error).splitlines()
    assert first == (
        "the loss became inf at step 7: it diverged, lower the learning rate; first not finite: b, forward: its output "
        f"is not finite, and so are its parameters; see it again by: backprop-jax replay '{file}'"
    )
    assert layer.strip() == "Dense(features=2)" and any("1 infinite of 4" in array for array in arrays)
    step = read_replay(file)
    assert step.note.startswith("the loss became inf at step 7") and "b, forward" in step.note
    assert str(find_first_bad(*step[:4])).splitlines()[0] in first


def test_a_file_that_cannot_be_written_does_not_hide_the_error(sick: tuple[Any, Any], tmp_path: Path) -> None:
    error = divergence(OBJECTIVE, *sick, BATCH, step=1, loss=1.0, replay=tmp_path)
    assert str(error).startswith("the gradient became NaN or infinite at step 1: ")
    assert f"b, forward: its output is not finite, and so are its parameters; {tmp_path} is not written: " in str(error)


def _no_steps(x: jax.Array) -> jax.Array:
    return jax.lax.scan(lambda carry, _: (carry, None), x, None, length=0)[0]


def test_a_step_that_does_not_run_without_jit_is_told_and_written(tmp_path: Path) -> None:
    objective = bp.supervised(bp.from_function(_no_steps), bp.losses.MeanSquaredError())
    error = divergence(
        objective, *objective.init(jax.random.key(0), BATCH), BATCH, step=3, loss=1.0, replay=tmp_path / "a"
    )
    assert str(error).startswith("the gradient became NaN or infinite at step 3: ")
    assert "the layer was not found: zero-length scan" in str(error)
    assert "the layer was not found" in read_replay(tmp_path / "a", objective).note


def test_what_overflows_in_the_compiled_step_alone_is_told() -> None:
    start = OBJECTIVE.init(jax.random.key(0), BATCH)
    error = divergence(OBJECTIVE, *start, BATCH, step=1, loss=float("nan"), replay=None)
    assert str(error).endswith("; run again without jit, its loss and its gradient by back-propagation are finite")
