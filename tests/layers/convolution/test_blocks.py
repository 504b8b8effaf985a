"""Which convolutions become ones between blocks, and of what size."""

import pytest

from backprop_jax.layers.convolution.blocks import blocks_for
from backprop_jax.layers.windows import Window


def window(size: int, stride: int, padding: int, dilation: int = 1) -> Window:
    return Window((size,) * 2, (stride,) * 2, (dilation,) * 2, ((padding, padding),) * 2)


@pytest.mark.parametrize(
    ("length", "slides", "channels", "inputs", "outputs", "size"),
    [
        (28, window(5, 1, 2), 1, (1, 4), (1, 4), (5, 2)),  # LeNet: five taps become two blocks
        (32, window(3, 1, 1), 3, (1, 2), (1, 2), (3, 2)),  # what a CIFAR net begins with
        (64, window(7, 2, 3), 3, (2, 4), (1, 2), (4, 3)),  # what an ImageNet net begins with
        (32, window(4, 4, 0), 3, (4, 4), (1, 1), (1, 1)),  # patches that do not overlap: one matrix product
        (32, window(5, 2, 2), 64, (2, 2), (1, 1), (3, 3)),  # 36 products for 25
    ],
)
def test_blocks(length: int, slides: Window, channels: int, inputs: tuple, outputs: tuple, size: tuple) -> None:
    blocks = blocks_for((length, length), slides, channels)
    assert blocks is not None
    assert (blocks.inputs, blocks.outputs, blocks.window.size) == (inputs, outputs, size)
    assert blocks.taps.shape == (
        size[0] * size[1] * inputs[0] * inputs[1] * outputs[0] * outputs[1],
        slides.size[0] ** 2,
    )
    # Each output is read once by each tap.
    assert blocks.taps.sum() == outputs[0] * outputs[1] * slides.size[0] ** 2


@pytest.mark.parametrize(
    ("slides", "channels"),
    [
        (window(3, 1, 1), 16),  # a stride of 1, channels enough
        (window(1, 1, 0), 1),
        (window(1, 2, 0), 64),  # 4 products for 1
        (window(3, 2, 1), 64),  # 16 products for 9
        (window(2, 3, 0), 64),
    ],
)
def test_no_blocks(slides: Window, channels: int) -> None:
    assert blocks_for((32, 32), slides, channels) is None
