import numpy as np

import backprop_jax as bp
from backprop_jax.layers.attention.visibility import Span, places, visible

WHOLE = Span(0, 5), Span(0, 7)
ASKING, ANSWERING = np.array([[1, 1, 2, 0, 3]], np.int32), np.array([[1, 2, 2, 0, 3, 3, 1]], np.int32)


def test_nothing_hidden_needs_no_mask() -> None:
    assert visible(False, None, bp.Visibility(), *WHOLE) is None
    assert visible(False, None, bp.Visibility(bias=np.zeros((1, 1, 5, 7), np.float32)), *WHOLE) is None


def test_a_tile_is_a_part_of_the_whole() -> None:
    numbers = np.random.default_rng(0)
    data = bp.Visibility(
        keys=numbers.random((1, 7)) < 0.8,
        segments=(ASKING, ANSWERING),
        mask=numbers.random((1, 2, 5, 7)) < 0.8,
        start=np.int32(2),
    )
    whole = np.asarray(visible(True, 4, data, *WHOLE))
    assert whole.shape == (1, 2, 5, 7)
    tile = np.asarray(visible(True, 4, data, Span(1, 3), Span(2, 4)))
    np.testing.assert_array_equal(tile, whole[:, :, 1:4, 2:6])
    for h, t, s in np.ndindex(2, 5, 7):
        gap = t + 2 - s
        same = ASKING[0, t] == ANSWERING[0, s] != 0
        assert whole[0, h, t, s] == (0 <= gap < 4 and same and data.keys[0, s] and data.mask[0, h, t, s])


def test_places_count_from_the_start() -> None:
    at, place = places(bp.Visibility(start=np.int32(10)), Span(2, 2), Span(4, 3))
    np.testing.assert_array_equal(at, [[12], [13]])
    np.testing.assert_array_equal(place, [4, 5, 6])
