import numpy as np
import pytest

from backprop_jax.data import from_arrays

Y = np.repeat([0, 1], 20)
BYTES = np.arange(40, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 3), np.uint8)


def test_bytes_become_fractions_with_a_channel_axis() -> None:
    dataset = from_arrays(BYTES, Y)
    assert (dataset.image_shape, dataset.class_names) == ((2, 3, 1), ("0", "1"))
    parts = [part.x for part in (dataset.train, dataset.validation, dataset.test)]
    assert sorted(np.round(np.concatenate(parts)[:, 0, 0, 0] * 255)) == list(range(40))


def test_colours_and_floats_stay_as_they_are() -> None:
    x = np.random.default_rng(0).normal(size=(40, 2, 3, 3)).astype(np.float32)
    dataset = from_arrays(x, Y, ["cat", "dog"])
    assert dataset.class_names == ("cat", "dog")
    assert {image.tobytes() for image in dataset.test.x} <= {image.tobytes() for image in x}


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, bool])
def test_images_of_unknown_range_are_refused(dtype: type) -> None:
    with pytest.raises(TypeError, match=f"uint8 or floating point images, not {np.dtype(dtype)}"):
        from_arrays(BYTES.astype(dtype), Y)


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(N, H, W, C\), not \(40, 6\)"):
        from_arrays(BYTES.reshape(40, 6), Y)
