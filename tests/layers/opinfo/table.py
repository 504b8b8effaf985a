"""Which functions of PyTorch's are translated, and how many samples of each PyTorch 2.13.0 our layers can express."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tests.layers.opinfo.attention import BROADCAST, DROPOUT, scaled_dot_product_attention
from tests.layers.opinfo.convolution import conv, conv_transpose
from tests.layers.opinfo.expressed import Expressed
from tests.layers.opinfo.gates import glu
from tests.layers.opinfo.losses import (
    NEGATIVE_WEIGHT,
    PROBABILITIES,
    SEVERAL,
    cross_entropy,
    linear_cross_entropy,
)
from tests.layers.opinfo.normalization import (
    MOMENTUM,
    NEGATIVE,
    NO_CHANNELS,
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    rms_norm,
)
from tests.layers.opinfo.pooling import DIVISOR, adaptive_avg_pool, adaptive_max_pool, avg_pool, max_pool

__all__ = ["TABLE", "Entry"]


class Entry(NamedTuple):
    translate: Callable[..., Expressed | str]
    expressed: int
    reasons: dict[str, int] = {}  # noqa: RUF012  # why not, and how many samples


TABLE: dict[str, Entry] = {
    "conv1d": Entry(conv, 10),
    "conv2d": Entry(conv, 30),
    "conv3d": Entry(conv, 20),
    "conv_transpose1d": Entry(conv_transpose, 10),
    "conv_transpose2d": Entry(conv_transpose, 12),
    "conv_transpose3d": Entry(conv_transpose, 10),
    "max_pool1d": Entry(partial(max_pool, 1), 864),
    "max_pool2d": Entry(partial(max_pool, 2), 1440),
    "max_pool3d": Entry(partial(max_pool, 3), 576),
    "avg_pool1d": Entry(partial(avg_pool, 1), 9),
    "avg_pool2d": Entry(partial(avg_pool, 2), 2, {DIVISOR: 5}),
    "avg_pool3d": Entry(partial(avg_pool, 3), 4, {DIVISOR: 4}),
    "adaptive_avg_pool1d": Entry(partial(adaptive_avg_pool, 1), 6),
    "adaptive_avg_pool2d": Entry(partial(adaptive_avg_pool, 2), 10),
    "adaptive_avg_pool3d": Entry(partial(adaptive_avg_pool, 3), 12),
    "adaptive_max_pool1d": Entry(partial(adaptive_max_pool, 1), 8),
    "adaptive_max_pool2d": Entry(partial(adaptive_max_pool, 2), 24),
    "adaptive_max_pool3d": Entry(partial(adaptive_max_pool, 3), 20),
    "batch_norm": Entry(batch_norm, 9, {MOMENTUM: 1, NO_CHANNELS: 2}),
    "group_norm": Entry(group_norm, 17, {NEGATIVE: 4}),
    "instance_norm": Entry(instance_norm, 9),
    "layer_norm": Entry(layer_norm, 5, {NEGATIVE: 1}),
    "rms_norm": Entry(rms_norm, 5, {NEGATIVE: 1}),
    "glu": Entry(glu, 46),
    "scaled_dot_product_attention": Entry(scaled_dot_product_attention, 9, {DROPOUT: 12, BROADCAST: 4}),
    "cross_entropy": Entry(cross_entropy, 17, {NEGATIVE_WEIGHT: 4}),
    "linear_cross_entropy": Entry(linear_cross_entropy, 36, {PROBABILITIES: 56, SEVERAL: 27}),
}
