"""Random changes to training images, compiled and keyed: `augment(key, x, y) -> (x, y)` on a batch."""

from backprop_jax.data.augmentation.erasing import cutout
from backprop_jax.data.augmentation.labels import soft_labels
from backprop_jax.data.augmentation.mixing import cutmix, mixup
from backprop_jax.data.augmentation.moving import random_crop, random_flip
from backprop_jax.data.augmentation.protocol import Augmentation, compose
from backprop_jax.data.augmentation.rotation import random_rotation

__all__ = [
    "Augmentation",
    "compose",
    "cutmix",
    "cutout",
    "mixup",
    "random_crop",
    "random_flip",
    "random_rotation",
    "soft_labels",
]
