"""What PyTorch 2.13 gave in float64 for small residual networks whose every number is a sine.

python -m tests.oracles.torch_resnets     calculates it anew, with the extra `torch`
"""

import math
import zlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

__all__ = ["CLASSES", "GIVEN", "Given", "image", "tensors"]

CLASSES = 3


class Given(NamedTuple):
    bottleneck: bool
    blocks: tuple[int, ...]
    logits: list[list[float]]


GIVEN = [
    Given(False, (1, 1), [[1.44608547, -1.11263427, 4.71301621], [1.40621291, -1.77302434, 4.7115382]]),
    Given(True, (1, 1), [[0.19244834, 1.4746397, -0.41770394], [0.67409607, 1.62616182, -1.09471467]]),
]


def image() -> np.ndarray:
    """Two, of 9x8 pixels."""
    return _sines("x", (2, 9, 8, 3))


def tensors(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The numbers by torchvision's names, in its layouts: each depends on the name it has and its place in the tensor.

    Activations stay near 1, and variances positive.
    """
    return {name: _tensor(name, shape) for name, shape in shapes.items() if "num_batches" not in name}


def _tensor(name: str, shape: tuple[int, ...]) -> np.ndarray:
    if len(shape) > 1:
        return _sines(name, shape) * np.float32(2 / math.sqrt(math.prod(shape[1:])))
    around = 1 if name.endswith(("running_var", "weight")) else 0
    return around + _sines(name, shape) / 2


def _sines(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The sines of squares, for those of 0, 1, 2, ... would make matrices of rank two."""
    return np.sin(zlib.crc32(name.encode()) + np.arange(math.prod(shape)) ** 2.0).reshape(shape).astype(np.float32)


def _calculated(given: Given) -> list[list[float]]:
    import torch

    from tests.models.torch_resnet import ResNet

    twin = ResNet(given.bottleneck, given.blocks, CLASSES)
    numbers = tensors({name: tuple(tensor.shape) for name, tensor in twin.state_dict().items()})
    twin.load_state_dict({name: torch.from_numpy(array) for name, array in numbers.items()}, strict=False)
    with torch.no_grad():
        logits = twin.double().eval()(torch.from_numpy(image()).double().movedim(-1, 1))
    return [[round(value, 8) for value in row] for row in logits.tolist()]


if __name__ == "__main__":
    print(*map(_calculated, GIVEN), sep="\n")
