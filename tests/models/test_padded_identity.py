import jax
import numpy as np
import pytest

from backprop_jax.models.padded_identity import PaddedIdentity
from backprop_jax.testing import check_layer


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (PaddedIdentity(5, 2), (2, 4, 5, 3)),  # the last row is left out, the last column taken
        (PaddedIdentity(3, 3), (1, 5, 1, 3)),  # no channel added; one column
    ],
    ids=str,
)
def test_laws(layer: PaddedIdentity, shape: tuple[int, ...]) -> None:
    check_layer(layer, jax.random.normal(jax.random.key(0), shape))


def test_every_other_pixel_and_channels_of_zeros() -> None:
    x = np.arange(24.0, dtype=np.float32).reshape(1, 3, 4, 2)
    y, _, _ = PaddedIdentity(3, 2).forward((), (), jax.numpy.asarray(x))
    np.testing.assert_array_equal(y, [[[[0, 1, 0], [4, 5, 0]], [[16, 17, 0], [20, 21, 0]]]])


def test_channels_are_never_dropped() -> None:
    with pytest.raises(ValueError, match=r"adds channels up to 2, but was given \[1, 3, 4, 3\]"):
        PaddedIdentity(2, 2).forward((), (), jax.numpy.zeros((1, 3, 4, 3)))


@pytest.mark.parametrize(("fields", "name"), [((0, 2), "features"), ((4, 0), "strides"), ((4, (2, 2)), "strides")])
def test_bad_hyper_parameters(fields, name: str) -> None:
    with pytest.raises(ValueError, match=f"PaddedIdentity needs {name} of one whole number, 1 or more, not"):
        PaddedIdentity(*fields)
