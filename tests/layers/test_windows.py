import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax.layers.windows import Window, pairs_of, per_axis, require_images, window_of


def test_by_hand() -> None:
    """Taps 0, 3 and 6 from each start; starts at -2, 3 and 8 of 13 elements, 2 in front and 4 behind them."""
    window = Window((3,), (5,), (3,), ((2, 4),))
    assert window.extent == (7,)
    assert window.places((13,)) == (3,)
    assert [window.places((length,))[0] for length in (1, 5, 6, 12, 15, 16)] == [1, 1, 2, 3, 3, 4]


@pytest.mark.parametrize(
    ("length", "size", "stride", "dilation", "pads", "places"),
    [
        (5, 3, 1, 1, (1, 1), 5),
        (5, 4, 1, 1, (1, 2), 5),  # the odd element after
        (7, 4, 3, 1, (1, 2), 3),
        (8, 3, 2, 1, (0, 1), 4),
        (7, 3, 2, 1, (1, 1), 4),
        (4, 2, 5, 1, (0, 0), 1),  # more than are needed: none is taken away
        (4, 3, 2, 3, (2, 3), 2),
        (1, 3, 4, 1, (1, 1), 1),
    ],
)
def test_same(length: int, size: int, stride: int, dilation: int, pads: tuple[int, int], places: int) -> None:
    window = window_of(bp.Identity(), (length,), (size,), (stride,), "SAME", (dilation,))
    assert window.padding == (pads,)
    assert window.places((length,)) == (places,) == (-(-length // stride),)


def test_valid_and_numbers() -> None:
    arguments = (bp.Identity(), (4, 5), (2, 3), (1, 1))
    assert window_of(*arguments, "VALID", (1, 1)).padding == ((0, 0), (0, 0))
    assert window_of(*arguments, ((1, 0), (0, 2)), (1, 1)).padding == ((1, 0), (0, 2))
    assert window_of(*arguments, "VALID", (3, 2)).extent == (4, 5)  # just fits
    message = r"Identity\(\) has a window of 7, larger than the 5 elements of an axis padded by 1 and 0: use a smaller"
    with pytest.raises(ValueError, match=message):
        window_of(*arguments, ((0, 0), (1, 0)), (1, 3))


def test_per_axis() -> None:
    assert per_axis("L", "n", 2, 3) == (2, 2, 2)
    assert per_axis("L", "n", [1, 2], 2) == (1, 2)
    assert per_axis("L", "n", 0, 1, least=0) == (0,)


@pytest.mark.parametrize("value", [0, (1, 0), (1,), (1, 1, 1), 0.5, (1.0, 2), None, "12", {1: 2, 3: 4}])
def test_bad_numbers(value) -> None:
    with pytest.raises(ValueError, match=r"^L needs n of 2 whole numbers, 1 or more, or one for all: not "):
        per_axis("L", "n", value, 2)


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        ("Same", "SAME"),
        (2, ((2, 2), (2, 2))),
        ((1, 0), ((1, 1), (0, 0))),
        ([[1, 2], 3], ((1, 2), (3, 3))),
    ],
)
def test_pairs(padding, expected) -> None:
    assert pairs_of("L", padding, 2, ("SAME",)) == expected


@pytest.mark.parametrize(
    "padding", [-1, (1,), (1, 1, 1), ((1, 2),), ((1, 2, 3), 0), ((1, -1), 0), 0.5, ((0.5, 1), 0), (None, 1), None]
)
def test_bad_padding(padding) -> None:
    with pytest.raises(ValueError, match=r"^L needs padding of one number or pair for each of 2 axes, not "):
        pairs_of("L", padding, 2, ("SAME",))


def test_a_name_that_is_none() -> None:
    with pytest.raises(ValueError, match="L needs padding SAME, VALID, or numbers, not 'FULL'"):
        pairs_of("L", "FULL", 2, ("SAME", "VALID"))


def test_images() -> None:
    require_images(bp.Identity(), jnp.zeros((2, 3, 4, 1)), 2)
    with pytest.raises(ValueError, match=r"Identity\(\) needs .* \(batch, 1 spatial axes, channels\), not \[2, 3\]"):
        require_images(bp.Identity(), jnp.zeros((2, 3)), 1)
    with pytest.raises(ValueError, match=r"floating point input, not int32\[2, 3, 1\]"):
        require_images(bp.Identity(), jnp.zeros((2, 3, 1), jnp.int32), 1)
