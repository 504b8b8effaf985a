"""What is read is what was written, and a damaged file says so."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.files.tensors import read_metadata, write_tensors
from backprop_jax.harvest import read_replay, write_replay

OBJECTIVE = bp.supervised(
    bp.chain(first=bp.first(bp.Dense(2)), pool=bp.MeanSteps(), drop=bp.Dropout(0.5)), losses.CrossEntropy()
)
BATCH = bp.Padded(np.ones((2, 3, 4), np.float32), np.array([3, 1])), np.array([0, 1])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    params, state = OBJECTIVE.init(jax.random.key(5), BATCH)
    params["first"]["b"] = params["first"]["b"].astype(jnp.bfloat16)
    write_replay(tmp_path / "step.safetensors", OBJECTIVE, params, state, BATCH, note="step 7")
    return tmp_path / "step.safetensors"


def test_is_what_was_written(file: Path) -> None:
    params, state = OBJECTIVE.init(jax.random.key(5), BATCH)
    step = read_replay(file)
    assert step.objective == OBJECTIVE and step.note == "step 7" and step.versions["jax"] == jax.__version__
    assert step.params["first"]["b"].dtype == jnp.bfloat16
    np.testing.assert_array_equal(step.params["first"]["w"], params["first"]["w"])
    assert jax.tree.structure(step.state) == jax.tree.structure(state)
    assert isinstance(step.batch[0], bp.Padded)
    draws = (OBJECTIVE.forward(params, own, BATCH)[0] for own in (state, step.state))
    np.testing.assert_array_equal(*draws)


def test_one_with_a_function_has_to_be_given(tmp_path: Path) -> None:
    objective = bp.supervised(bp.from_function(jnp.sin), losses.MeanSquaredError())
    batch = np.ones(3, np.float32), np.ones(3, np.float32)
    write_replay(tmp_path / "step", objective, (), (), batch)
    with pytest.raises(ValueError, match="has to be given as objective: sin is nothing that this library makes"):
        read_replay(tmp_path / "step")
    assert read_replay(tmp_path / "step", objective).objective is objective


def test_a_damaged_file_says_so(file: Path) -> None:
    content = file.read_bytes()
    damaged = {
        "truncated or not a safetensors": [content[:4], content[:200], content[:-5], b"", b"\x00" * 99],
        "numbers are not those": [content[:-3] + b"\x7f" + content[-2:]],
        "cannot be read": [
            content.replace(b"params", b"parnms"),
            content.replace(b"(t0", b"(u0").replace(b" t0", b" u0"),
        ],
    }
    for message, contents in damaged.items():
        for part in contents:
            file.write_bytes(part)
            with pytest.raises(ValueError, match=message):
                read_replay(file)
    with pytest.raises(FileNotFoundError):
        read_replay(file.with_name("none"))
    write_tensors(file, {"a": np.zeros(1)})
    with pytest.raises(ValueError, match="no replay file"):
        read_replay(file)
    write_tensors(
        file, {}, {name: text.replace('"version": 1', '"version": 9') for name, text in _header(content, file)}
    )
    with pytest.raises(ValueError, match="of version 9"):
        read_replay(file)


def test_containers_that_are_not_known_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="of type Static"):
        write_replay(tmp_path / "step", bp.ReLU(), (), (), bp.Static(1))
    assert not list(tmp_path.iterdir())


def _header(content: bytes, file: Path) -> list[tuple[str, str]]:
    file.write_bytes(content)
    return list(read_metadata(file).items())
