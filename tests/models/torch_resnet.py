"""torchvision's ResNets in PyTorch, with the names of its state_dict, so that the tests can do without torchvision."""

import itertools
from typing import Any

import torch
from torch import nn


def resnet(bottleneck: bool, blocks: tuple[int, ...], classes: int) -> nn.Module:
    """The model with random parameters and running statistics."""
    model = ResNet(bottleneck, blocks, classes)
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            vectors: Any = (module.weight.data, module.running_var, module.bias.data, module.running_mean)
            for vector, least, most in zip(vectors, (0.5, 0.5, -0.3, -0.3), (1.2, 1.5, 0.3, 0.3), strict=True):
                vector.uniform_(least, most, generator=generator)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
    return model


def conv(channels: int, features: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, features, size, stride, padding=size // 2, bias=False)


class Block(nn.Module):
    def __init__(self, bottleneck: bool, channels: int, width: int, stride: int) -> None:
        super().__init__()
        sizes = (1, 3, 1) if bottleneck else (3, 3)
        strides = (1, stride, 1) if bottleneck else (stride, 1)
        widths = (channels, width, width, 4 * width) if bottleneck else (channels, width, width)
        for i, (size, (before, after)) in enumerate(zip(sizes, itertools.pairwise(widths), strict=True)):
            setattr(self, f"conv{i + 1}", conv(before, after, size, strides[i]))
            setattr(self, f"bn{i + 1}", nn.BatchNorm2d(after))
        if stride != 1 or channels != widths[-1]:
            self.downsample = nn.Sequential(conv(channels, widths[-1], 1, stride), nn.BatchNorm2d(widths[-1]))
        self.features, self.depth = widths[-1], len(sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = torch.relu(y) if i < self.depth else y
        return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    def __init__(self, bottleneck: bool, blocks: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1, channels = conv(3, 64, 7, 2), nn.BatchNorm2d(64), 64
        self.layers = []
        for number, count in enumerate(blocks):
            stage = []
            for index in range(count):
                block = Block(bottleneck, channels, 64 * 2**number, 2 if number > 0 and index == 0 else 1)
                stage, channels = [*stage, block], block.features
            self.layers.append(f"layer{number + 1}")
            setattr(self, self.layers[-1], nn.Sequential(*stage))
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for name in self.layers:
            x = getattr(self, name)(x)
        return self.fc(x.mean((2, 3)))
