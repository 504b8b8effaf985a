"""What a checkpoint brings back, and what becomes of a damaged one."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.train.checkpoints import Checkpoints


def training(number: int) -> dict:
    return {
        "params": ({"w": jnp.full((3, 4), number, jnp.float32), "b": jnp.full(3, number / 3, jnp.bfloat16)}, ()),
        "state": (jax.random.key(number), {"empty": jnp.zeros((0, 3))}),
        "count": jnp.int32(number),
        "none": None,
    }


def is_training(tree: dict, number: int) -> bool:
    expected = training(number)
    assert jax.tree.structure(tree) == jax.tree.structure(expected)
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(expected), strict=True)
    return all(a.dtype == b.dtype and bool(jnp.all(a == b)) for a, b in pairs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """With the scores 5, 1, 3, 2, 4, none and 2 at the steps 1 to 7."""
    folder = tmp_path_factory.mktemp("run") / "checkpoints"
    with Checkpoints(folder) as checkpoints:
        for step, score in enumerate([5, 1, 3, 2, 4, None, 2], 1):
            checkpoints.save(step, training(step), {"epoch": step}, score)
    return folder


def test_the_last_three_and_the_best_stay(folder: Path) -> None:
    with Checkpoints(folder) as checkpoints:
        assert checkpoints.steps == [2, 5, 6, 7] and checkpoints.best == 2
        latest = checkpoints.restore(jax.eval_shape(lambda: training(0)))
        assert latest.step == 7 and latest.facts == {"epoch": 7} and latest.damaged == {}
        assert is_training(latest.training, 7)
        assert is_training(checkpoints.restore(training(0), step=2).training, 2)


def test_another_model_is_told_by_its_leaves(folder: Path) -> None:
    other = training(0) | {"count": jnp.float32(0), "more": jnp.zeros(2)}
    del other["state"]
    with Checkpoints(folder) as checkpoints, pytest.raises(ValueError, match="of another training") as error:
        checkpoints.restore(other)
    told = str(error.value)
    assert "count is int32[], not float32[]" in told
    assert "it lacks more" in told and "it has state/0 too" in told


# What orbax began to read beside a file that is damaged it leaves behind, to warn of itself when it is collected.
ABANDONED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def collected() -> Iterator[None]:
    """That is to be now, and not in the middle of some other test."""
    yield
    gc.collect()


@ABANDONED
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("damage", ["a turned byte", "cut", "zeros", "gone"])
def test_a_damaged_one_is_told_and_the_one_before_it_taken(folder: Path, damage: str) -> None:
    """Whichever file it is: what comes back is right, and of 7 or of 6."""
    taken = set()
    for file in sorted(path for path in (folder / "7").rglob("*") if path.is_file()):
        whole = file.read_bytes()
        if damage == "gone":
            file.unlink()
        else:
            middle = len(whole) // 2
            turned = whole[:middle] + bytes([whole[middle] ^ 16]) + whole[middle + 1 :]
            file.write_bytes({"a turned byte": turned, "cut": whole[:middle], "zeros": bytes(len(whole))}[damage])
        with Checkpoints(folder) as checkpoints:
            found = checkpoints.restore(training(0))
        file.write_bytes(whole)
        assert is_training(found.training, found.step) and found.facts == {"epoch": found.step}, file
        assert list(found.damaged) == ([] if found.step == 7 else [7])
        taken.add(found.step)
    assert taken == {6, 7}  # some files are copies that nothing needs


@ABANDONED
@pytest.mark.usefixtures("collected")
def test_where_none_can_be_read_it_says_why(tmp_path: Path) -> None:
    with Checkpoints(tmp_path / "run") as checkpoints:
        assert checkpoints.restore(training(0)) is None
        checkpoints.save(1, training(1))
    (facts,) = (tmp_path / "run" / "1" / "facts").glob("metadata")
    facts.write_text("{")
    with Checkpoints(tmp_path / "run") as checkpoints, pytest.raises(OSError, match=r"can be read: 1: .+"):
        checkpoints.restore(training(0))


def test_a_half_written_one_is_no_checkpoint(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, training(1))
    (tmp_path / "2.orbax-checkpoint-tmp-0").mkdir()
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.steps == [1]
        checkpoints.save(2, training(2))
        checkpoints.discard_after(1)
        assert checkpoints.restore(training(0)).step == 1


def test_a_score_that_is_no_number_is_none(tmp_path: Path) -> None:
    with Checkpoints(tmp_path, keep_last=1) as checkpoints:
        for step, score in enumerate([1.0, float("nan"), 2.0, 3.0]):
            checkpoints.save(step, training(step), score=score)
        assert checkpoints.best == 0
        checkpoints.wait()
        assert checkpoints.steps == [0, 3]


def test_steps_only_grow(tmp_path: Path) -> None:
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(3, training(3))
        for step in (3, 2):
            with pytest.raises(ValueError, match=f"of step 3, so one of step {step} cannot follow: discard_after"):
                checkpoints.save(step, training(step))
        checkpoints.discard_after(2)
        checkpoints.save(3, training(4))
        assert is_training(checkpoints.restore(training(0)).training, 4)


def test_a_full_disk_is_an_os_error_and_the_older_one_stays(tmp_path: Path) -> None:
    """In a process of its own, whose files may not grow beyond a hundred thousand bytes."""
    script = """
import resource, sys
import jax.numpy as jnp, numpy as np
from backprop_jax.train.checkpoints import Checkpoints
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
numbers = lambda n: {"w": jnp.asarray(np.random.default_rng(0).normal(size=n))}
checkpoints = Checkpoints(sys.argv[1])
checkpoints.save(1, numbers(100))
try:
    checkpoints.save(2, numbers(100_000))
    checkpoints.close()
except OSError as error:
    print("could not be written" in str(error))
print(Checkpoints(sys.argv[1]).restore(numbers(100)).step)
"""
    run = [sys.executable, "-B", "-c", script, str(tmp_path)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, env={**os.environ, "JAX_PLATFORMS": "cpu"})
    assert done.stdout == "True\n1\n", done.stderr


def test_the_buffers_may_be_taken_at_once(tmp_path: Path) -> None:
    double = jax.jit(lambda tree: jax.tree.map(lambda leaf: 2 * leaf, tree), donate_argnums=0)
    values = {"w": jnp.arange(100_000.0)}
    with Checkpoints(tmp_path) as checkpoints:
        for step in range(3):
            checkpoints.save(step, values)
            values = double(values)
        for step in range(3):
            np.testing.assert_array_equal(
                checkpoints.restore(values, step).training["w"], 2**step * np.arange(100_000.0)
            )


def test_bad_input_is_refused(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(ValueError, match="the last 1 or more, not 0"):
        Checkpoints(tmp_path, keep_last=0)
    with Checkpoints(tmp_path) as checkpoints:
        with pytest.raises(ValueError, match="two leaves have the path a/b"):
            checkpoints.save(1, {"a/b": jnp.zeros(1), "a": {"b": jnp.ones(1)}})
        with pytest.raises(TypeError, match="a is int"):
            checkpoints.save(1, {"a": 1})
        with pytest.raises(ValueError, match="no array to keep"):
            checkpoints.save(1, {"a": jnp.zeros(0)})
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(ModuleNotFoundError, match=r"backprop-jax\[checkpoints\]"):
        Checkpoints(tmp_path)


def test_one_that_failed_does_not_keep_the_next_from_being_written(tmp_path: Path) -> None:
    """The system refuses large files for a while, as a full disk does."""
    code = f"""
import logging, resource, jax, jax.numpy as jnp
from backprop_jax.train import Checkpoints
logging.getLogger("absl").setLevel(logging.CRITICAL)
tree = {{"w": jax.random.normal(jax.random.key(0), (4000,))}}
checkpoints = Checkpoints({str(tmp_path)!r})
checkpoints.save(1, tree, {{"epoch": 1}})
checkpoints.wait()
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
try:
    checkpoints.save(2, tree)
    checkpoints.wait()
except OSError as error:
    print("failed" if "could not be written" in str(error) else error, checkpoints.steps, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
checkpoints.save(3, tree)
checkpoints.close()
again = Checkpoints({str(tmp_path)!r})
print(again.steps, again.facts(1), flush=True)
import os
os._exit(0)  # without what orbax says of its abandoned threads
"""
    done = subprocess.run([sys.executable, "-B", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["failed [1]", "[1, 3] {'epoch': 1}"], done.stderr
