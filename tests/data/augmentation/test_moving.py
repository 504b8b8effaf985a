import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.data.augmentation import random_crop, random_flip

KEY = jax.random.key(3)
IMAGE = np.arange(1.0, 61.0, dtype=np.float32).reshape(4, 5, 3)  # no two pixels are equal


def many(count: int) -> tuple[jax.Array, jax.Array]:
    return jnp.broadcast_to(IMAGE, (count, *IMAGE.shape)), jnp.arange(count)


def crops(padding: int, mode: str, **options: float) -> np.ndarray:
    padded = np.pad(IMAGE, ((padding, padding), (padding, padding), (0, 0)), mode, **options)  # type: ignore[call-overload]
    places = np.ndindex(2 * padding + 1, 2 * padding + 1)
    return np.stack([padded[row : row + 4, column : column + 5] for row, column in places])


def counted(images: jax.Array, candidates: np.ndarray) -> np.ndarray:
    """How many of the images each candidate is; every image must be one."""
    same = (np.asarray(images)[:, None] == candidates[None]).all((2, 3, 4))
    assert (same.sum(1) == 1).all()
    return same.sum(0)


def test_every_place_of_a_crop_is_as_likely() -> None:
    x, labels = many(5000)
    cropped, y = random_crop(2)(KEY, x, labels)
    found = counted(cropped, crops(2, "constant"))
    assert ((found - 200) ** 2 / 200).sum() < 51.2  # chi-square with 24 degrees of freedom: 999 of 1,000 draws
    assert (y == labels).all()


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
def test_the_border_is_that_of_numpy(mode: str) -> None:
    assert (counted(random_crop(1, mode)(KEY, *many(100))[0], crops(1, mode)) > 0).all()


def test_the_border_has_the_value_asked_for() -> None:
    cropped, _ = random_crop(1, fill=-7.5)(KEY, *many(100))
    assert (counted(cropped, crops(1, "constant", constant_values=-7.5)) > 0).all()


def test_no_padding_changes_nothing() -> None:
    x, y = many(2)
    np.testing.assert_array_equal(random_crop(0)(KEY, x, y)[0], x)


@pytest.mark.parametrize(("axis", "mirrored"), [(2, IMAGE[:, ::-1]), (1, IMAGE[::-1])])
def test_a_flip_mirrors_the_share_of_images_asked_for(axis: int, mirrored: np.ndarray) -> None:
    x, labels = many(4000)
    flipped, y = random_flip(0.3, axis)(KEY, x, labels)
    _, count = counted(flipped, np.stack([IMAGE, mirrored]))
    assert abs(count - 1200) < 4 * np.sqrt(4000 * 0.3 * 0.7)
    assert (y == labels).all()
    np.testing.assert_array_equal(random_flip(1.0, axis)(KEY, x[:2], y[:2])[0], [mirrored] * 2)
    np.testing.assert_array_equal(random_flip(0.0, axis)(KEY, x[:2], y[:2])[0], x[:2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: random_crop(-1), "whole number of pixels, 0 or more, not -1"),
        (lambda: random_crop(0.5), "whole number of pixels, 0 or more, not 0.5"),  # type: ignore[arg-type]
        (lambda: random_crop(True), "whole number of pixels, 0 or more, not True"),
        (lambda: random_crop(mode="zeros"), "random_crop needs a mode of constant, edge, .* not 'zeros'"),
        (lambda: random_flip(1.5), "rate from 0 to 1, the share of images it mirrors, not 1.5"),
        (lambda: random_flip(axis=3), r"axis 1 \(up and down\) or 2 \(left and right\), not 3"),
    ],
)
def test_bad_settings(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_padding_from_numpy_is_an_int() -> None:
    assert repr(random_crop(np.int64(2))) == "random_crop(padding=2, mode='constant', fill=0.0)"  # type: ignore[arg-type]
