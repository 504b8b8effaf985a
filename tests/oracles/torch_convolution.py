"""What PyTorch 2.13 gave for convolutions of small whole numbers, exactly.

python -m tests.oracles.torch_convolution     calculates it anew, with the extra `torch`
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

import backprop_jax as bp

__all__ = ["CASES", "Given", "numbers", "parameters", "stored"]

FILE = Path(__file__).with_suffix(".json")


class Given(NamedTuple):
    layer: bp.Conv | bp.ConvTranspose
    shape: tuple[int, ...]  # of x


CASES = [
    Given(bp.Conv(3, (3,), strides=2, padding=2), (1, 5, 2)),
    Given(bp.Conv(2, (4,), kernel_dilation=2, feature_group_count=2), (2, 4, 2)),
    Given(bp.Conv(2, (3, 2), strides=2, padding="VALID", use_bias=False), (1, 5, 4, 2)),
    Given(bp.Conv(2, (2, 4), padding="SAME", kernel_dilation=(1, 2)), (1, 3, 4, 1)),
    Given(bp.Conv(1, (2, 3), strides=2, padding=1, kernel_dilation=(2, 3)), (1, 5, 5, 2)),
    Given(bp.Conv(2, (3, 3), padding="CIRCULAR"), (1, 4, 3, 1)),
    Given(bp.Conv(4, (2, 2), strides=(3, 2), padding="VALID", feature_group_count=2), (2, 4, 3, 4)),
    Given(bp.Conv(4, (3, 2), padding=(1, 0), feature_group_count=2), (2, 3, 3, 2)),
    Given(bp.Conv(2, (2, 1, 3), strides=(1, 2, 2), padding=(0, 0, 1)), (1, 3, 2, 4, 1)),
    Given(bp.ConvTranspose(2, (3,), strides=2, padding=2, output_padding=1), (1, 4, 3)),
    Given(bp.ConvTranspose(4, (4,), 3, 1, 2, kernel_dilation=4, feature_group_count=2), (2, 3, 2)),
    Given(bp.ConvTranspose(2, (2, 3), padding="VALID", use_bias=False), (1, 3, 2, 2)),
    Given(bp.ConvTranspose(1, (2, 3), 2, 1, 1, kernel_dilation=(2, 3)), (1, 3, 2, 1)),
    Given(bp.ConvTranspose(3, (3, 1), strides=(1, 2), padding="VALID", feature_group_count=3), (2, 2, 3, 3)),
    Given(bp.ConvTranspose(1, (2, 2, 1), 2, (1, 0, 0), (1, 0, 0)), (1, 2, 2, 2, 2)),
]


def numbers(shape: tuple[int, ...], factor: int) -> np.ndarray:
    """Whole numbers from -5 to 5."""
    return (factor * np.arange(math.prod(shape)) ** 2 % 11 - 5.0).reshape(shape)


def parameters(given: Given) -> dict[str, np.ndarray]:
    layer, channels = given.layer, given.shape[-1]
    if isinstance(layer, bp.Conv):
        matrix = channels // layer.feature_group_count, layer.features
    else:
        matrix = channels, layer.features // layer.feature_group_count
    bias = {"b": numbers((layer.features,), 7)} if layer.use_bias else {}
    return {"w": numbers((*layer.kernel_size, *matrix), 3)} | bias


def stored() -> list[dict[str, list[int]]]:
    """For each case y, dx, dw and, if there is one, db, for x = numbers(shape, 5) and dy = numbers(y.shape, 2)."""
    return json.loads(FILE.read_text())


def _calculated(given: Given) -> dict[str, list[int]]:
    import torch
    from torch.nn import functional

    layer, axes = given.layer, len(given.layer.kernel_size)
    transposed = isinstance(layer, bp.ConvTranspose)
    last = (0, 1) if transposed else (1, 0)  # PyTorch's axes of w that are ours from the last but one
    x = torch.tensor(np.moveaxis(numbers(given.shape, 5), -1, 1), requires_grad=True)
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in parameters(given).items()}
    w, padding, read = leaves["w"].movedim((-2, -1), last), layer.padding, x
    if padding == "CIRCULAR":  # strides and dilation are 1
        sides = [side for size in reversed(layer.kernel_size) for side in ((size - 1) // 2, size // 2)]
        padding, read = "VALID", functional.pad(x, sides, mode="circular")
    if not isinstance(padding, str | int):
        padding = [pair if isinstance(pair, int) else pair[0] for pair in padding]
    function = getattr(functional, f"conv_transpose{axes}d" if transposed else f"conv{axes}d")
    y = function(
        read,
        w,
        leaves.get("b"),
        stride=layer.strides,
        padding={"SAME": "same", "VALID": 0}[padding] if isinstance(padding, str) else padding,
        dilation=layer.kernel_dilation,
        groups=layer.feature_group_count,
        **({"output_padding": layer.output_padding} if transposed else {}),
    ).movedim(1, -1)
    dx, *gradients = torch.autograd.grad(y, [x, *leaves.values()], torch.tensor(numbers(tuple(y.shape), 2)))
    results = {"y": y, "dx": dx.movedim(1, -1)} | {
        f"d{name}": grad for name, grad in zip(leaves, gradients, strict=True)
    }
    return {name: [int(value) for value in part.detach().flatten()] for name, part in results.items()}


def main() -> None:
    lines = (json.dumps(_calculated(given), separators=(",", ":")) for given in CASES)
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
