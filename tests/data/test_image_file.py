from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backprop_jax.data.image_file import read_image

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


def halves(mode: str, left, right) -> Image.Image:
    """A picture of 8x8 pixels in two colours."""
    image = Image.new(mode, (8, 8), left)
    image.paste(right, (4, 0, 8, 8))
    return image


def colours(path: Path, channels: int = 3) -> list:
    """The first and the last pixel of the first row."""
    return read_image(path, (8, 8), channels)[0, [0, -1]].tolist()


@pytest.mark.parametrize(
    ("image", "suffix", "expected"),
    [
        (halves("RGB", RED, BLUE), "png", [[255, 0, 0], [0, 0, 255]]),
        (halves("L", 7, 200), "bmp", [[7] * 3, [200] * 3]),
        (halves("1", 0, 1), "png", [[0] * 3, [255] * 3]),
        (halves("RGB", RED, BLUE).convert("P"), "gif", [[255, 0, 0], [0, 0, 255]]),
        (halves("CMYK", (0, 255, 255, 0), (0, 0, 0, 255)), "tif", [[255, 0, 0], [0, 0, 0]]),
        (halves("RGBA", (*RED, 255), (*BLUE, 0)), "png", [[255, 0, 0], [255] * 3]),
        (halves("LA", (9, 255), (9, 0)), "png", [[9] * 3, [255] * 3]),
        (halves("I;16", 0, 65535), "png", [[0] * 3, [255] * 3]),
        (halves("I;16", 257, 3 * 257), "png", [[1] * 3, [3] * 3]),
        (halves("I", 0, 65535), "tif", [[0] * 3, [255] * 3]),
    ],
    ids=lambda value: f"{value.mode}" if isinstance(value, Image.Image) else None,
)
def test_every_kind_of_pixel_becomes_red_green_and_blue(image, suffix, expected, tmp_path: Path) -> None:
    assert colours(saved(tmp_path / f"image.{suffix}", image)) == expected


def test_a_transparent_palette_is_laid_on_white(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (4, 0, 8, 8))
    assert colours(saved(tmp_path / "image.png", image, transparency=1)) == [[255, 0, 0], [255] * 3]


def test_grey_is_the_brightness(tmp_path: Path) -> None:
    assert colours(saved(tmp_path / "image.png", halves("RGB", GREEN, BLUE)), channels=1) == [[150], [29]]  # ITU-R 601


def test_the_camera_held_sideways_is_put_right(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the first row is the right side
    image = Image.new("RGB", (8, 8), BLUE)
    image.paste(RED, (0, 0, 8, 4))  # red above: red on the right once it is turned
    path = saved(tmp_path / "image.png", image, exif=exif)
    assert colours(path) == [[0, 0, 255], [255, 0, 0]]


def test_the_middle_is_cut_out_and_scaled(tmp_path: Path) -> None:
    image = Image.new("L", (30, 10), 0)  # black, white, black
    image.paste(255, (10, 0, 20, 10))
    path = saved(tmp_path / "image.png", image)
    square = read_image(path, (5, 5), 1)
    assert (square[:, 1:-1] == 255).all()
    assert (square > 200).all()  # the scaling may look at a neighbour beyond the cut
    whole = read_image(path, (2, 6), 1)[0, :, 0].tolist()
    assert (whole[0], whole[-1]) == (0, 0)
    assert min(whole[2:4]) > 200


def test_a_large_photograph_is_decoded_small_and_right(tmp_path: Path) -> None:
    columns = np.tile(np.linspace(0, 255, 1024), (1024, 1)).astype(np.uint8)
    got = read_image(saved(tmp_path / "image.jpg", Image.fromarray(columns)), (16, 16), 1)[..., 0]
    expected = columns[0].reshape(16, 64).mean(1)
    np.testing.assert_allclose(got, np.tile(expected, (16, 1)), atol=2.5)


@pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", 70000), ("I", -1)])
def test_pixels_of_unknown_range_are_refused(mode: str, value: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its pixels are"):
        read_image(saved(tmp_path / "image.tif", Image.new(mode, (8, 8), value)), (8, 8), 3)
