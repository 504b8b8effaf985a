"""A step of training that is run again."""

import sys
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.cli.refused import Refused, refusing
from backprop_jax.cli.replay_flags import Replay
from backprop_jax.cli.tables import show_table
from backprop_jax.core.layer import Layer, PyTree
from backprop_jax.core.rewrite import rewrite_with_path
from backprop_jax.harvest.diagnosis import FlowStatistics, LayerTaps, find_first_bad, read_replay, with_taps

__all__ = ["replay"]

COLUMNS = "path", "y: rms", "largest", "dead", "not finite", "dy: rms", "largest", "dead", "not finite"


def replay(flags: Replay) -> int:
    """Print what is to be known of the step. Returns the exit status, 0; raises Refused for what fails."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    objective = None if flags.objective is None else _imported(flags.objective)
    with refusing(OSError, ValueError, ModuleNotFoundError):
        step = read_replay(flags.file, objective)
    console.print(f"objective: {step.objective}")
    console.print(_shown(f"written by {', '.join(f'{name} {version}' for name, version in step.versions.items())}"))
    if step.note:
        console.print(_shown(f"note: {step.note}"))
    inputs = step.params, step.state, step.batch
    with refusing(ValueError, TypeError, KeyError, prefix="the step does not run: "):
        (loss, _), gradient, taps = jax.jit(with_taps(step.objective))(*inputs)
    console.print(f"loss: {float(loss):.6g}; gradient: norm {_norm(gradient):.6g}")
    # Under jit a dict comes out sorted; here the layers are in the order of the model.
    taps = jax.device_get(taps)
    rows = [row for path in _paths(step.objective) if path in taps for row in _rows(path, taps[path])]
    show_table(console, COLUMNS, rows, left=1)
    found = find_first_bad(step.objective, *inputs)
    console.print("all is finite" if found is None else str(found))
    return 0


def _shown(text: str) -> str:
    """Without what a terminal would obey: the file may come from anywhere."""
    return "".join(letter if letter.isprintable() or letter == "\n" else repr(letter)[1:-1] for letter in text)


def _imported(where: str) -> Layer:
    """The objective `module:name`, called if it is no layer yet."""
    module, _, name = where.partition(":")
    if not module or not name:
        raise Refused(f"--objective must be module:name, not {where}")
    sys.path.insert(0, "")
    try:
        with refusing(ImportError, AttributeError, prefix="--objective: "):
            found = getattr(import_module(module), name)
    finally:
        sys.path.remove("")
    layer = found if isinstance(found, Layer) or not callable(found) else found()
    if not isinstance(layer, Layer):
        raise Refused(f"--objective: {where} is no objective, but {type(layer).__name__}")
    return layer


def _paths(layer: Layer) -> dict[str, None]:
    """Those of all layers, in the order of the model."""
    paths: dict[str, None] = {}

    def note(path: str, part: Layer) -> Layer:
        paths.setdefault(path)
        return part

    rewrite_with_path(layer, note)
    return paths


def _norm(gradient: PyTree) -> float:
    return float(jnp.sqrt(sum(jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in jax.tree.leaves(gradient))))


def _rows(path: str, taps: LayerTaps) -> list[tuple[str, ...]]:
    """One for the layer, or one for each that a scan stacks."""

    def row(place: tuple[int, ...]) -> tuple[str, ...]:
        at_place = [jax.tree.map(lambda leaf: leaf[place], part) for part in taps]
        cells = [cell for part in at_place for cell in _cells(part)]
        return f"{path or '.'}{list(place) if place else ''}", *cells

    return [row(place) for place in np.ndindex(np.shape(taps.activation.values))]


def _cells(told: FlowStatistics) -> tuple[str, ...]:
    if not told.values:
        return ("",) * 4
    bad = int(told.not_finite)
    return f"{told.rms:.3g}", f"{told.largest:.3g}", f"{told.dead:.1%}", f"{bad:,}" if bad else ""
