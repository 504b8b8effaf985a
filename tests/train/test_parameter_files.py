from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import safe_open

from backprop_jax.files.tensors import read_metadata
from backprop_jax.train import load_model, load_params, save_model, save_params

PARAMS = (
    (),
    {"w": jnp.arange(6, dtype=jnp.float32).reshape(2, 3).T, "b": jnp.ones(3, jnp.bfloat16)},
    {"steps": jnp.array(7), "empty": jnp.zeros((0, 2))},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "params.safetensors"
    save_params(path, PARAMS, {"model": "mlp"})
    return path


def test_parameters_come_back_as_they_were(path: Path) -> None:
    loaded = load_params(path, jax.eval_shape(lambda: PARAMS))
    assert jax.tree.structure(loaded) == jax.tree.structure(PARAMS)
    for ours, theirs in zip(jax.tree.leaves(PARAMS), jax.tree.leaves(loaded), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_leaves_are_named_by_their_paths_for_other_tools(path: Path) -> None:
    with safe_open(path, framework="numpy") as file:
        assert set(file.keys()) == {"1/w", "1/b", "2/steps", "2/empty"}
        assert file.metadata() == {"model": "mlp"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no parameter file at .*nothing"):
        load_params(tmp_path / "nothing", PARAMS)


@pytest.mark.parametrize("end", [0, 5, 60, -1])
def test_a_truncated_file_is_refused(path: Path, end: int) -> None:
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(ValueError, match=r"params\.safetensors is truncated or not a safetensors file"):
        load_params(path, PARAMS)


def test_leaves_that_do_not_fit_are_named(path: Path) -> None:
    like = (
        {"w": jnp.zeros(1)},
        {"w": jnp.zeros((3, 4)), "b": jnp.ones(3)},
        {"steps": jnp.array(7)},
    )
    with pytest.raises(ValueError, match="does not fit the model") as error:
        load_params(path, like)
    assert "0/w is missing" in str(error.value)
    assert "1/b is bfloat16[3], the model's is float32[3]" in str(error.value)
    assert "1/w is float32[3, 2], the model's is float32[3, 4]" in str(error.value)
    assert "2/empty is not in the model" in str(error.value)


def test_many_differences_make_one_short_line(path: Path) -> None:
    with pytest.raises(ValueError, match=r"and 3 more$"):
        load_params(path, {"a": PARAMS[1], "b": PARAMS[0], "c": {"x": jnp.zeros(1)}})


def test_a_key_is_no_parameter(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="0/key is of type key<fry>"):
        save_params(tmp_path / "params.safetensors", ({"key": jax.random.key(0)},))
    assert not list(tmp_path.iterdir())


def test_others_may_read_the_file_as_they_may_any(path: Path) -> None:
    plain = path.with_name("plain")
    plain.write_bytes(b"")
    assert path.stat().st_mode == plain.stat().st_mode


STATE = ((), {"mean": jnp.arange(3.0), "key": jax.random.key(1)}, jax.random.key(2))


def test_a_model_comes_back_with_its_state_and_keeps_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(path, PARAMS, STATE, {"model": "cnn"})
    assert read_metadata(path) == {"model": "cnn"}
    zero = jax.tree.map(lambda leaf: jnp.zeros_like(leaf), PARAMS)
    key = jax.random.key(7)
    params, state = load_model(path, zero, ((), {"mean": jnp.zeros(3), "key": key}, key))
    jax.tree.map(np.testing.assert_array_equal, params, PARAMS)
    np.testing.assert_array_equal(state[1]["mean"], [0, 1, 2])
    assert state[1]["key"] is key


def test_a_model_without_numbers_in_its_state_is_a_file_of_parameters(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(path, PARAMS, (jax.random.key(0),))
    jax.tree.map(np.testing.assert_array_equal, load_params(path, PARAMS), PARAMS)
    assert read_metadata(path) == {}


def test_state_that_does_not_fit_is_named(path: Path) -> None:
    with pytest.raises(ValueError, match="state/1/mean is missing"):
        load_model(path, PARAMS, STATE)


def test_a_parameter_named_as_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="state/w is a parameter and part of the state"):
        save_model(tmp_path / "model.safetensors", {"state": {"w": jnp.ones(2)}}, {"w": jnp.ones(2)})


def test_metadata_of_a_bad_file_are_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ValueError, match=r"params\.safetensors is truncated or not a safetensors file"):
        read_metadata(path)
    with pytest.raises(FileNotFoundError, match="there is no parameter file"):
        read_metadata(path.with_name("nothing"))
