import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.data.augmentation import cutout
from tests.oracles import augmentation as oracle


@pytest.mark.parametrize("size", [3, 4, 20])
def test_each_pixel_is_erased_as_often_as_boxes_cover_it(size: int) -> None:
    x, labels = jnp.ones((4000, 6, 7, 2)), jnp.arange(4000)
    result, y = cutout(size, fill=-2.0)(jax.random.key(1), x, labels)
    assert set(np.unique(result)) <= {-2.0, 1.0}
    erased = np.asarray(result) == -2
    assert (erased[..., 0] == erased[..., 1]).all() and (y == labels).all()
    erased = erased[..., 0]
    chance = oracle.chance_of_box((6, 7), (size, size))
    assert (np.abs(erased.mean(0) - chance) <= 4.5 * np.sqrt(chance * (1 - chance) / 4000)).all()
    # Each is one rectangle, as high and wide as what a square of this size can leave.
    rows, columns = erased.any(2), erased.any(1)
    assert (erased == rows[:, :, None] & columns[:, None, :]).all()
    for span in (rows, columns):
        assert (np.abs(np.diff(span, axis=1)).sum(1) <= 2).all()
        assert span.sum(1).max() == min(size, span.shape[1])
        assert span.sum(1).min() >= min(size // 2, span.shape[1])


@pytest.mark.parametrize("size", [0, 2.5, True, "2"])
def test_bad_size(size) -> None:
    with pytest.raises(ValueError, match="whole number of pixels, 1 or more, not"):
        cutout(size)


def test_a_size_from_numpy_is_an_int() -> None:
    assert repr(cutout(np.int64(2))) == "cutout(size=2, fill=0.0)"  # type: ignore[arg-type]
