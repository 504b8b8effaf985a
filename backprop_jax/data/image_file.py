"""One image file as an array, whatever it holds."""

import os
from typing import BinaryIO

import numpy as np

__all__ = ["read_image"]


def read_image(path: str | os.PathLike | BinaryIO, size: tuple[int, int], channels: int) -> np.ndarray:
    """The first picture of a file, or of an open one, upright, its middle cut to the aspect of `size` and scaled to it.

    Transparent pixels are laid on white; 16 bits a pixel become 8.

    Shapes:   uint8 (*size, channels), size in (height, width), channels 3 for red, green and blue or 1 for grey.
    Raises:   whatever Pillow's decoders raise on a damaged file, mostly OSError; ValueError for pixels whose range
              nobody could know, such as floating point.
    """
    from PIL import Image, ImageOps

    height, width = size
    with Image.open(path) as file:
        # JPEG decodes a fraction of its pixels much faster; twice what is asked for leaves the scaling smooth.
        file.draft(None, (2 * max(size), 2 * max(size)))
        image = ImageOps.exif_transpose(file)
        if image.mode == "F":
            raise ValueError("its pixels are floating point numbers, in a range that the file does not tell")
        if image.mode.startswith("I"):
            image = Image.fromarray(_to_bytes(np.asarray(image)))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("L" if channels == 1 else "RGB")
        image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(height, width, channels)


def _to_bytes(pixels: np.ndarray) -> np.ndarray:
    """Grey of 16 bits, which Pillow also hands out as 32, in 8 bits: 65,535 becomes 255, where Pillow would clip."""
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError(f"its pixels are from {pixels.min()} to {pixels.max()}, not from 0 to 65535")
    return np.round(pixels / 257).astype(np.uint8)
