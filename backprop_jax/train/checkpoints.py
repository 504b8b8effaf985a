"""Checkpoints: all that a training needs to go on as if it had not stopped."""

import contextlib
import json
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.core.keys import is_key
from backprop_jax.core.layer import PyTree
from backprop_jax.core.paths import by_path
from backprop_jax.core.whole_number import whole_number

__all__ = ["Checkpoints", "OtherTraining", "Restored"]

ITEM, FACTS = "training", "facts"


class OtherTraining(ValueError):
    """What is in the folder is of another training than the one that is to go on."""


class Restored(NamedTuple):
    """What was read."""

    step: int
    training: PyTree
    facts: dict[str, Any]  # those given to `save`
    damaged: dict[int, str]  # later steps whose checkpoints could not be read, and why


class Checkpoints:
    """The checkpoints of one training, in a folder, by orbax.

        with Checkpoints("run/checkpoints") as checkpoints:
            ...
            checkpoints.save(step, training, {"epoch": 3})

    A checkpoint appears whole or not at all: a folder of its step, with orbax's mark of what is committed. It is
    written in the background, from a copy made before `save` returns, so that the step after may take the buffers. The
    last `keep_last` stay, and of those that were given a score the best. `fit` saves after each epoch and, for long
    ones, every `every_seconds`.

    Beside the arrays stands a checksum of each, by which a byte that turned on the disk is found.

    Raises:   ValueError if keep_last is no whole number of 1 or more, or every_seconds is negative;
              ModuleNotFoundError, naming the extra to install, if orbax is missing; OSError if the folder cannot be
              made.
    """

    def __init__(self, folder: str | os.PathLike[str], *, keep_last: int = 3, every_seconds: float = 600) -> None:
        if whole_number(keep_last, least=1) is None:
            raise ValueError(f"Checkpoints keeps the last 1 or more, not {keep_last!r}")
        if not every_seconds >= 0:
            raise ValueError(f"Checkpoints are written every 0 seconds or more, not {every_seconds!r}")
        self.every_seconds = every_seconds
        self.folder = Path(folder).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        ocp = _orbax()
        self._args = ocp.args
        from orbax.checkpoint.checkpoint_managers import preservation_policy as keep

        # Half-written ones, of a process that was killed, are of no use to anybody.
        policy = keep.AnyPreservationPolicy(
            [
                keep.LatestN(keep_last),
                keep.BestN(get_metric_fn=_score, reverse=True, n=1, keep_checkpoints_without_metrics=False),
            ]
        )
        options = ocp.CheckpointManagerOptions(preservation_policy=policy, cleanup_tmp_directories=True)
        self._manager = ocp.CheckpointManager(self.folder, options=options, item_names=(ITEM, FACTS))

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def steps(self) -> list[int]:
        """The steps of which there is a checkpoint, damaged or not, the oldest first."""
        return sorted(self._manager.all_steps())

    @property
    def best(self) -> int | None:
        """The step whose score is the smallest, or None if none has a score."""
        scores: dict[int, float] = {}
        for step in self.steps:
            with contextlib.suppress(Exception):  # damaged
                scores[step] = self._told(step)["score"]
        scored = [step for step, score in scores.items() if score is not None]
        return min(scored, key=lambda step: scores[step]) if scored else None

    def save(
        self, step: int, training: PyTree, facts: Mapping[str, Any] | None = None, score: float | None = None
    ) -> None:
        """Begin to write; what went wrong with the checkpoint before is raised here, or by `close`.

        `facts` are what JSON can hold, such as the place in the data. The smaller a score the better; one that is NaN
        is none. Copying the arrays and their checksums takes the caller's time, writing them does not.

        Raises:   ValueError if there is a checkpoint of this step or a later one, which `discard_after` removes, if
                  there are no arrays, or two leaves have the same path; TypeError for a leaf that is no array; OSError
                  if the disk is full or cannot be written to: the older checkpoints stay.
        """
        if self.steps and step <= self.steps[-1]:
            raise ValueError(
                f"{self.folder} has a checkpoint of step {self.steps[-1]}, so one of step {step} cannot follow: "
                "discard_after(step) removes those that are later"
            )
        # One copy on the host, of which the checksums are told and from which is written.
        host = jax.tree.map(lambda leaf: leaf if is_key(leaf) else np.array(leaf), _arrays(training))
        score = None if score is None or math.isnan(score) else float(score)
        told = json.dumps({"facts": dict(facts or {}), "score": score, "checksums": _checksums(host)}, default=float)
        item = self._args.Composite(
            training=self._args.StandardSave(_filled(host)),
            facts=self._args.JsonSave({"told": told, "checksum": zlib.crc32(told.encode())}),
        )
        metrics = None if score is None else {"score": score}
        with self._as_os_error():
            self._manager.save(step, args=item, metrics=metrics, force=True)

    def restore(self, like: PyTree, step: int | None = None) -> Restored | None:
        """The latest checkpoint that is whole, or that of a step; None if there is none.

        `like` gives the structure and, for arrays on several devices, the places: `train.start` makes it, or
        `jax.eval_shape` of it. Damaged checkpoints are left where they are; before going on from an earlier step remove
        them by `discard_after`.

        Raises:   OtherTraining if the checkpoint is of another model or optimizer, naming the leaves that differ;
                  OSError if there are checkpoints and none can be read, or not the one asked for.
        """
        self.wait()
        damaged: dict[int, str] = {}
        for candidate in reversed(self.steps) if step is None else [step]:
            try:
                return Restored(candidate, *self._read(candidate, like), damaged)
            except OtherTraining as error:
                raise OtherTraining(
                    f"the checkpoint {self.folder / str(candidate)} is of another training: {error}"
                ) from None
            except Exception as error:  # whatever orbax and the libraries below it make of a damaged file
                damaged[candidate] = _reason(error)
        if damaged:
            told = "; ".join(f"{number}: {why}" for number, why in damaged.items())
            raise OSError(f"no checkpoint in {self.folder} can be read: {told}")
        return None

    def discard_after(self, step: int) -> None:
        """Remove the checkpoints of later steps: a training that goes on from `step` will make them anew."""
        self.wait()
        for later in self.steps:
            if later > step:
                self._manager.delete(later)

    def facts(self, step: int) -> dict[str, Any]:
        """Those given to `save`, without the arrays.

        Raises:   OSError if they cannot be read.
        """
        try:
            return self._told(step)["facts"]
        except Exception as error:  # whatever orbax and the libraries below it make of a damaged file
            raise OSError(f"the checkpoint of step {step} in {self.folder} is damaged: {_reason(error)}") from error

    def close(self) -> None:
        """Wait until all is written.

        Raises:   as `save`.
        """
        with self._as_os_error():
            self._manager.close()

    def wait(self) -> None:
        """Until what `save` began is written.

        Raises:   OSError if it could not be; the next `save` begins as if it had not been tried.
        """
        with self._as_os_error():
            self._manager.wait_until_finished()

    @contextlib.contextmanager
    def _as_os_error(self) -> Iterator[None]:
        """What orbax and the libraries below it raise where the disk is at fault is of many kinds."""
        try:
            yield
        except Exception as error:
            self._manager.reload()  # it believes to have what it began to write
            raise OSError(f"a checkpoint in {self.folder} could not be written: {_reason(error)}") from error

    def _read(self, step: int, like: PyTree) -> tuple[PyTree, dict[str, Any]]:
        kept = self._told(step)
        _compare(like, kept["checksums"])
        wanted = self._args.Composite(training=self._args.StandardRestore(_filled(like)))
        read = self._manager.restore(step, args=wanted)[ITEM]
        leaves = {
            path: read[path] if leaf.size else jnp.zeros(leaf.shape, leaf.dtype) for path, leaf in _arrays(like).items()
        }
        for path, told in _checksums(leaves).items():
            if told != kept["checksums"][path]:
                raise OSError(f"the bytes of {path} are not those that were written")
        return jax.tree.structure(like).unflatten(leaves.values()), kept["facts"]

    def _told(self, step: int) -> dict[str, Any]:
        kept = self._manager.restore(step, args=self._args.Composite(facts=self._args.JsonRestore()))[FACTS]
        if zlib.crc32(kept["told"].encode()) != kept["checksum"]:
            raise OSError("the facts are not those that were written")
        return json.loads(kept["told"])


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _score(metrics: Mapping[str, float]) -> float:
    return metrics["score"]


def _compare(like: PyTree, written: Mapping[str, str]) -> None:
    """The leaves by path, shape and dtype."""
    expected = {path: _form(leaf) for path, leaf in _arrays(like).items()}
    found = {path: told.rpartition(" ")[0] for path, told in written.items()}
    lines = [f"{path} is {found[path]}, not {form}" for path, form in expected.items() if found.get(path, form) != form]
    lines += [f"it lacks {path}" for path in expected if path not in found]
    lines += [f"it has {path} too" for path in found if path not in expected]
    if lines:
        raise OtherTraining("; ".join(lines[:8]) + (f"; and {len(lines) - 8} more" if len(lines) > 8 else ""))


def _checksums(tree: PyTree) -> dict[str, str]:
    """Of each leaf, by path: its form and the CRC-32 of its bytes."""
    return {path: f"{_form(leaf)} {zlib.crc32(_bytes(leaf)):08x}" for path, leaf in _arrays(tree).items()}


def _bytes(leaf: Any) -> Any:
    return np.ascontiguousarray(jax.random.key_data(leaf) if is_key(leaf) else leaf).reshape(-1).view(np.uint8)


def _form(leaf: Any) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}"


def _filled(tree: PyTree) -> dict[str, Any]:
    """The leaves by path, without those of no numbers, which orbax does not take."""
    filled = {path: leaf for path, leaf in _arrays(tree).items() if leaf.size}
    if not filled:
        raise ValueError("there is no array to keep")
    return filled


def _arrays(tree: PyTree) -> dict[str, Any]:
    found = by_path(tree)
    for path, leaf in found.items():
        if not hasattr(leaf, "dtype"):
            raise TypeError(
                f"a checkpoint is made of arrays, and {path} is {type(leaf).__name__}: jnp.asarray makes one"
            )
    return found


def _orbax() -> Any:
    try:
        import orbax.checkpoint
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "checkpoints need orbax, which is not installed: pip install 'backprop-jax[checkpoints]'"
        ) from error
    return orbax.checkpoint
