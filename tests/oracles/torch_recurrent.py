"""What PyTorch 2.13 gave for recurrent networks in float64, to twelve decimals.

python -m tests.oracles.torch_recurrent     calculates it anew, with the extra `torch`
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import backprop_jax as bp

__all__ = ["CASES", "LENGTHS", "SIZES", "Given", "numbers", "parameters", "starts", "stored"]

FILE = Path(__file__).with_suffix(".json")
BATCH, STEPS, WIDTH = SIZES = 3, 4, 2
LENGTHS = 4, 1, 2


class Given(NamedTuple):
    """Sequences of `LENGTHS`, through one layer in both directions from an initial state, or through two from zeros."""

    cell: Any
    layers: int = 1


CASES = [
    Given(bp.RNNCell(3)),
    Given(bp.RNNCell(3, activation="relu")),
    Given(bp.LSTMCell(3)),
    Given(bp.LSTMCell(3, projection=2)),
    Given(bp.GRUCell(3)),
    Given(bp.LSTMCell(3), layers=2),
    Given(bp.GRUCell(3), layers=2),
]


def numbers(shape: tuple[int, ...], factor: int) -> np.ndarray:
    """Between -1 and 1, in no order: no two of the matrices made of them commute."""
    return np.sin(factor * (1.0 + np.arange(math.prod(shape))) ** 2).reshape(shape)


def parameters(given: Given, run: int) -> dict[str, np.ndarray]:
    """Those of one layer, or of one direction."""
    cell, gates = given.cell, {bp.RNNCell: 1, bp.LSTMCell: 4, bp.GRUCell: 3}[type(given.cell)]
    outputs, columns = outputs_of(given), gates * cell.features
    width = outputs if given.layers > 1 and run == 1 else WIDTH
    shapes = {"w": (width, columns), "u": (outputs, columns), "b": (columns,)}
    if isinstance(cell, bp.GRUCell):
        shapes["c"] = (cell.features,)
    if outputs != cell.features:
        shapes["v"] = cell.features, outputs
    return {name: numbers(shape, 10 + 10 * run + at) for at, (name, shape) in enumerate(shapes.items())}


def starts(given: Given, run: int, factor: int) -> list[np.ndarray]:
    """The arrays of a carry: h, and with an LSTM c."""
    widths = [outputs_of(given), *([given.cell.features] if isinstance(given.cell, bp.LSTMCell) else [])]
    return [numbers((BATCH, width), factor + 2 * run + at) for at, width in enumerate(widths)]


def outputs_of(given: Given) -> int:
    return getattr(given.cell, "projection", None) or given.cell.features


def stored() -> list[dict[str, Any]]:
    """For each case y and dx, and of each run its last carry and the gradients of its first and of its parameters.

    They are for x = numbers(SIZES, 1), dy = numbers(y.shape, 2), first carries starts(given, run, 3) in both directions
    and their cotangents after the last step starts(given, run, 7).
    """
    return json.loads(FILE.read_text())


def _calculated(given: Given) -> dict[str, Any]:
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    cell, both = given.cell, given.layers == 1
    options = {"num_layers": given.layers, "bidirectional": both, "batch_first": True, "dtype": torch.float64}
    if isinstance(cell, bp.RNNCell):
        options["nonlinearity"] = cell.activation
    if outputs_of(given) != cell.features:
        options["proj_size"] = outputs_of(given)
    module = getattr(torch.nn, type(cell).__name__.removesuffix("Cell"))(WIDTH, cell.features, **options)
    suffixes = ["l0", "l0_reverse"] if both else ["l0", "l1"]
    module.load_state_dict(
        {name: torch.tensor(array) for run in range(2) for name, array in _as_torch(given, run, suffixes[run]).items()}
    )
    x = torch.tensor(numbers(SIZES, 1), requires_grad=True)
    first = [np.stack(part) for part in zip(*(starts(given, run, 3) for run in range(2)), strict=True)]
    start = [torch.tensor(part if both else 0 * part, requires_grad=True) for part in first]
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    y, last = module(packed, tuple(start) if len(start) > 1 else start[0])
    y, last = pad_packed_sequence(y, batch_first=True, total_length=STEPS)[0], [*last] if len(start) > 1 else [last]
    loss = (y * torch.tensor(numbers(tuple(y.shape), 2))).sum()
    if both:
        dlast = [np.stack(part) for part in zip(*(starts(given, run, 7) for run in range(2)), strict=True)]
        loss = loss + sum((part * torch.tensor(by)).sum() for part, by in zip(last, dlast, strict=True))
    loss.backward()
    runs = []
    for run, suffix in enumerate(suffixes):
        leaves = {name: getattr(module, f"{name}_{suffix}").grad for name in ("weight_ih", "weight_hh", "bias_ih")}
        gradients = {"w": leaves["weight_ih"].T, "u": leaves["weight_hh"].T, "b": leaves["bias_ih"]}
        if isinstance(cell, bp.GRUCell):
            gradients["c"] = getattr(module, f"bias_hh_{suffix}").grad[-cell.features :]
        if outputs_of(given) != cell.features:
            gradients["v"] = getattr(module, f"weight_hr_{suffix}").grad.T
        carries = {"last": [_flat(part[run]) for part in last], "dstart": [_flat(part.grad[run]) for part in start]}
        runs.append((carries if both else {}) | {name: _flat(part) for name, part in gradients.items()})
    return {"y": _flat(y), "dx": _flat(x.grad), "runs": runs}


def _as_torch(given: Given, run: int, suffix: str) -> dict[str, np.ndarray]:
    ours = parameters(given, run)
    second_bias = np.zeros_like(ours["b"])
    if "c" in ours:
        second_bias[-given.cell.features :] = ours["c"]
    theirs = {"weight_ih": ours["w"].T, "weight_hh": ours["u"].T, "bias_ih": ours["b"], "bias_hh": second_bias}
    if "v" in ours:
        theirs["weight_hr"] = ours["v"].T
    return {f"{name}_{suffix}": array for name, array in theirs.items()}


def _flat(tensor: Any) -> list[float]:
    return [round(value, 12) for value in tensor.detach().flatten().tolist()]


def main() -> None:
    lines = (json.dumps(_calculated(given), separators=(",", ":")) for given in CASES)
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
