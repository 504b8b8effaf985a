import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.data.augmentation import random_rotation
from backprop_jax.data.augmentation.rotation import rotate
from tests.catalogue import normal
from tests.oracles import augmentation as oracle

turn = jax.jit(rotate, static_argnums=2)


def test_quarter_turns_are_exact() -> None:
    x = normal(4, 5, 5, 2)
    turned = turn(x, np.pi / 2 * np.arange(4, dtype=np.float32), 9.0)
    for quarters in range(4):
        np.testing.assert_allclose(turned[quarters], np.rot90(x[quarters], quarters), atol=1e-5)


@pytest.mark.parametrize("size", [(5, 8), (6, 3)])
def test_any_turn_is_that_of_the_slow_twin(size: tuple[int, int]) -> None:
    x, angles = normal(4, *size, 2), np.array([0.3, -1.2, 2.5, 0.0], np.float32)
    turned = turn(x, angles, 0.7)
    for image, angle, ours in zip(x, angles, turned, strict=True):
        np.testing.assert_allclose(ours, oracle.rotate(image, float(angle), 0.7), atol=1e-5)
    np.testing.assert_array_equal(turned[3], x[3])


def test_every_angle_is_as_likely() -> None:
    down, right = np.meshgrid([-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], indexing="ij")
    x = jnp.broadcast_to(jnp.stack([down, right], -1), (4000, 3, 3, 2))
    turned, _ = random_rotation(40)(jax.random.key(0), x, jnp.zeros(4000, int))
    # In an image of its own coordinates the pixel right of the centre holds where it came from.
    angles = np.degrees(np.arctan2(turned[:, 1, 2, 0], turned[:, 1, 2, 1]))
    assert np.abs(angles).max() < 40.01
    found, _ = np.histogram(angles, 20, (-40.01, 40.01))
    assert ((found - 200) ** 2 / 200).sum() < 43.8  # chi-square with 19 degrees of freedom: 999 of 1,000 draws


@pytest.mark.parametrize("degrees", [-1.0, float("nan"), float("inf")])
def test_bad_angles(degrees: float) -> None:
    with pytest.raises(ValueError, match="degrees of 0 or more, the largest angle, not"):
        random_rotation(degrees)
