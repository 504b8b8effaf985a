"""A step that the device has no memory for: what it takes, and what would fit."""

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import jax

from backprop_jax.combinators.chain import Chain
from backprop_jax.combinators.parallel import FanOut
from backprop_jax.combinators.remat import Remat, remat
from backprop_jax.combinators.scan import Scan
from backprop_jax.combinators.skip import Skip
from backprop_jax.combinators.skip_first import SkipFirst
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import rewrite_outermost
from backprop_jax.core.summary import observed, residual_bytes, saved_bytes
from backprop_jax.train.step import Training

__all__ = ["explain_out_of_memory", "explaining_memory", "is_out_of_memory"]

LARGEST = 5  # layers that are named
ROOM = 0.8  # of the memory, or of what did not fit in it: XLA takes some for a while that nobody can foretell
BRANCHED = Skip | SkipFirst | FanOut  # what the blocks of deep networks are around


class Needs(NamedTuple):
    """Bytes that a step takes at its peak, by what they are for."""

    parameters: int
    gradient: int
    optimizer_state: int
    state: int
    batch: int
    kept_for_the_backward_pass: int
    one_block_computed_again: int

    def __str__(self) -> str:
        total = sum(self)
        parts = {name.replace("_", " "): count for name, count in self._asdict().items() if count >= total / 1000}
        return f"about {_size(total)} ({', '.join(f'{name} {_size(count)}' for name, count in parts.items())})"


@contextmanager
def explaining_memory(objective: Layer, training: Training, batch: PyTree) -> Iterator[None]:
    """What the body raises because the device is out of memory becomes the error of `explain_out_of_memory`.

    The arrays may be gone by then, as those that were donated: only their shapes are asked for.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        explained = explain_out_of_memory(error, objective, training, batch)
        if explained is None:
            raise
        raise explained from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether XLA could not allocate: it says so by its code, or in words where it fails after the call returned."""
    words = "RESOURCE_EXHAUSTED", "Out of memory"
    return isinstance(error, jax.errors.JaxRuntimeError) and any(word in str(error) for word in words)


def explain_out_of_memory(error: Exception, objective: Layer, training: Training, batch: PyTree) -> MemoryError | None:
    """The error that says what a step takes, which layers keep the most for the backward pass, and what would fit: a
    level of recomputation, a smaller batch, or both. None if `error` is of another kind.

    All is estimated from shapes, and nothing is allocated. What XLA takes beside it is not known, so 0.8 of the
    device's memory counts, and never more than 0.8 of what has just failed. What matters is in the first line.
    """
    if not is_out_of_memory(error):
        return None
    asked = re.search(r"allocat\w* (\d+) bytes", str(error))
    told = f"the device is out of memory{f', asked for {_size(int(asked[1]))} more' if asked else ''}"
    try:
        like, shapes = jax.eval_shape(lambda *trees: trees, training, batch)
        lines = _estimated(objective, like, shapes, _memory(training))
    except Exception as failure:  # of any kind: it must not hide the error
        lines = [f"what a step takes could not be estimated: {failure}"]
    return MemoryError("; ".join([told, lines[0]]) + "".join(f";\n{line}" for line in lines[1:]))


def _estimated(objective: Layer, training: Training, batch: PyTree, memory: float) -> list[str]:
    kept: dict[str, int] = {}
    needs, count = _needs(objective, training, batch, kept), jax.tree.leaves(batch)[0].shape[0]
    # The state of a model that reads on has a row for each of the batch.
    single = _of_size(batch, 1)
    _, state = jax.eval_shape(objective.init, jax.random.key(0), single)
    most = ROOM * min(memory, sum(needs))
    fitting = []
    for advice, changed in {"": objective, **_recomputing(objective)}.items():
        own = sum(needs if changed is objective else _needs(changed, training, batch))
        if own > most and count > 1:
            size, own = _fitting_batch(own, sum(_needs(changed, training._replace(state=state), single)), count, most)
            advice += f"{' and ' if advice else ''}a batch of {size:,}"
        if own <= most:
            fitting.append(f"{advice} ({_size(own)})")
    known = "" if math.isinf(memory) else f" of its {_size(memory)}"
    first = f"a step on a batch of {count:,} takes {needs}{known}"
    would = f"by this estimate would fit: {'; or '.join(fitting)}" if fitting else "not even a batch of 1 would fit"
    largest = sorted(kept.items(), key=lambda item: -item[1])[:LARGEST]
    return [
        f"{first}; {would}",
        f"most is kept for the backward pass by {', '.join(f'{name} {_size(size)}' for name, size in largest)}; what "
        "neighbours share counts for each",
    ]


def _needs(objective: Layer, training: Training, batch: PyTree, kept: dict[str, int] | None = None) -> Needs:
    """What a step takes, by one trace of its forward pass; `kept` is told what each layer keeps."""
    again = [0]
    depths: list[tuple[str, int]] = []

    def is_whole(path: str, part: Layer) -> bool:
        if isinstance(part, Scan):
            depths.append((path, part.depth))
        return isinstance(part, Remat) or not (part.is_wiring or part.hands_on or part.adds_up)

    def note(path: str, layer: Layer, params: PyTree, state: PyTree, x: PyTree, y: PyTree) -> None:
        inner = layer.layer if isinstance(layer, Remat) else None
        if inner is not None:
            again.append(residual_bytes(inner, _shapes(x)))
        if kept is not None:
            times = math.prod(depth for scanned, depth in depths if path == scanned or path.startswith(f"{scanned}/"))
            name = f"{path} ({type(layer if inner is None else inner).__name__})".lstrip()
            # A scan, or jit, may trace a layer more than once.
            kept[name] = max(kept.get(name, 0), times * residual_bytes(layer, _shapes(x)))

    watched = rewrite_outermost(objective, is_whole, lambda path, part: observed(part, partial(note, path)))
    saved = saved_bytes(lambda *inputs: watched.forward(*inputs)[2], training.params, training.state, batch)
    parameters = _bytes(training.params)
    others = _bytes(training.optimizer_state), _bytes(training.state), _bytes(batch)
    return Needs(parameters, parameters, *others, saved, max(again))


def _recomputing(objective: Layer) -> dict[str, Layer]:
    """The same objective with more that is computed again in the backward pass, by what is to be done for it."""

    def is_activation(path: str, part: Layer) -> bool:
        return isinstance(part, Remat) or (isinstance(part, Chain) and part.children.names == ("act", "c_proj"))

    def is_block(path: str, part: Layer) -> bool:
        within = isinstance(part, Chain) and any(isinstance(child, BRANCHED) for child in part.children.layers)
        return isinstance(part, Remat | Scan | BRANCHED) or (within and path != "")

    def again(path: str, part: Layer) -> Layer:
        if isinstance(part, Scan):
            return Scan(again(path, part.layer), part.depth)
        return part if isinstance(part, Remat) else remat(part)

    levels = {
        'bp.remat around each activation (recompute="norms")': rewrite_outermost(objective, is_activation, again),
        'bp.remat around each block (recompute="block")': rewrite_outermost(objective, is_block, again),
    }
    return {name: changed for name, changed in levels.items() if changed != objective}


def _fitting_batch(all_: int, one: int, count: int, most: float) -> tuple[int, float]:
    """The largest batch that takes no more than `most` bytes, 1 at the least, and what it takes.

    It takes `one` with one example and `all_` with `count`, and evenly more with each between.
    """
    each = (all_ - one) / (count - 1)
    size = min(max(int(1 + (most - one) / each), 1), count - 1)
    return size, one + (size - 1) * each


def _of_size(batch: PyTree, size: int) -> PyTree:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((size, *leaf.shape[1:]), leaf.dtype), batch)


def _shapes(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tree)


def _bytes(tree: PyTree) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def _memory(training: Training) -> float:
    """Bytes that the devices have, together; infinite if nobody tells."""
    devices = {device for leaf in jax.tree.leaves(training.params) for device in leaf.sharding.device_set}
    total = 0.0
    for device in devices:
        told = (device.memory_stats() or {}).get("bytes_limit")
        if told is None and device.platform == "cpu" and "SC_PHYS_PAGES" in os.sysconf_names:
            told = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / jax.device_count("cpu")
        total += math.inf if told is None else told
    return total


def _size(count: float) -> str:
    """In words, with three digits."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} TB" if count < 999.5 else f"{count:,.0f} TB"
