"""Errors are made up, and one is XLA's own: for 400 TB, which no machine has."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses, models, optim
from backprop_jax.core.layer import Layer
from backprop_jax.train import out_of_memory
from backprop_jax.train.out_of_memory import explain_out_of_memory, explaining_memory
from backprop_jax.train.step import Training, start
from tests.train.tiny import BATCH_SIZE, OBJECTIVE, clouds, fresh

ERROR = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12000000000 bytes.")
GB = 10**9


def batch_of(count: int) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
    return jax.ShapeDtypeStruct((count, 1000), jnp.float32), jax.ShapeDtypeStruct((count,), jnp.int32)


def told(objective: Layer, batch: tuple, monkeypatch: pytest.MonkeyPatch, memory: float) -> list[str]:
    monkeypatch.setattr(out_of_memory, "_memory", lambda training: memory)
    training = jax.eval_shape(lambda: start(objective, optim.adam(0.1), jax.random.key(0), batch))
    found = explain_out_of_memory(ERROR, objective, training, batch)
    assert isinstance(found, MemoryError)
    return str(found).split(";\n")


def test_what_a_step_takes_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million examples through two layers 1,000 wide: each keeps its input, 4 GB, and the parameters are 8 MB."""
    objective = bp.supervised(bp.chain(bp.Dense(1000), bp.Tanh(), bp.Dense(1000)), losses.CrossEntropy())
    first, largest = told(objective, batch_of(10**6), monkeypatch, 16 * GB)
    assert first.startswith("the device is out of memory, asked for 12 GB more; a step on a batch of 1,000,000 takes ")
    sizes = {name: float(size) for name, size in re.findall(r"[(,] ?([a-z ]+) ([\d.]+) GB", first)}
    assert sizes["batch"] == pytest.approx(4, rel=0.01)
    assert sizes["kept for the backward pass"] == pytest.approx(12, rel=0.01)  # x, Tanh's output, the loss's
    for layer in ("0 (Dense) 4 GB", "1 (Tanh) 4 GB", "2 (Dense) 4 GB", "loss (CrossEntropy) 4"):
        assert layer in largest


def test_the_batch_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 kB an example, of 0.8 times 16 MB, and little else."""
    objective = bp.supervised(bp.chain(bp.Tanh(), bp.Tanh(), bp.Dense(2)), losses.CrossEntropy())
    first, _ = told(objective, batch_of(10**6), monkeypatch, 16e6)
    (count,) = re.findall(r"would fit: a batch of ([\d,]+) \(12.8 MB\)", first)
    assert int(count.replace(",", "")) == pytest.approx(12.8e6 / 12e3, rel=0.02)


def test_levels_of_recomputation(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(level: models.transformer_blocks.Recompute) -> str:
        model = models.gpt(64, 256, 64, 12, 4, recompute=level)
        batch = (jax.ShapeDtypeStruct((512, 256), jnp.int32),) * 2
        return told(models.LanguageModelLoss(model, losses.LinearCrossEntropy(64)), batch, monkeypatch, np.inf)[0]

    none = of("none")
    assert 'bp.remat around each activation (recompute="norms")' in none
    assert 'bp.remat around each block (recompute="block") (' in none
    assert "one block computed again" in (block := of("block")) and "recompute=" not in block


def test_nothing_may_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    objective = bp.supervised(bp.Dense(1000), losses.CrossEntropy())
    assert told(objective, batch_of(4), monkeypatch, 1e6)[0].endswith("not even a batch of 1 would fit")


def test_the_error_of_xla_is_explained_though_the_arrays_are_gone() -> None:
    training, examples = fresh(), clouds().train
    batch = examples.x[:BATCH_SIZE], examples.y[:BATCH_SIZE]
    jax.tree.map(lambda leaf: leaf.delete(), training)
    huge = jax.jit(lambda x: jnp.sin(x[:, None] * x[None]))
    with (
        pytest.raises(MemoryError, match=r"asked for 400 TB more; a step on a batch of 8 takes about .* kB") as raised,
        explaining_memory(OBJECTIVE, training, batch),
    ):
        huge(jnp.ones(10**7)).block_until_ready()
    assert isinstance(raised.value.__cause__, jax.errors.JaxRuntimeError)


def test_a_failure_after_the_call_has_returned_has_another_code() -> None:
    late = jax.errors.JaxRuntimeError("INTERNAL: Error dispatching computation: Out of memory allocating 4000 bytes.")
    found = explain_out_of_memory(late, OBJECTIVE, Training((), (), ()), ())
    assert str(found).startswith("the device is out of memory, asked for 4 kB more")


def test_other_errors_pass() -> None:
    training = Training((), (), ())
    for error in (ValueError("RESOURCE_EXHAUSTED"), jax.errors.JaxRuntimeError("INTERNAL: nothing")):
        assert explain_out_of_memory(error, OBJECTIVE, training, ()) is None
        with pytest.raises(type(error)) as raised, explaining_memory(OBJECTIVE, training, ()):
            raise error
        assert raised.value is error


def test_what_cannot_be_estimated_does_not_hide_the_error() -> None:
    found = explain_out_of_memory(ERROR, OBJECTIVE, Training((), (), ()), ())
    assert str(found).startswith("the device is out of memory, asked for 12 GB more; what a step takes could not be ")
