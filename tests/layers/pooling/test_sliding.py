from typing import Any

import jax.numpy as jnp
import pytest

import backprop_jax as bp
from backprop_jax.layers.pooling.sliding import round_up
from backprop_jax.layers.windows import Window

POOLS = [bp.MaxPool, bp.AvgPool]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window_shape": 2}, r"one size for each spatial axis, as in \(2, 2\), not 2"),
        ({"window_shape": ()}, r"one size for each spatial axis"),
        ({"window_shape": (2, 0)}, "window_shape of 2 whole numbers, 1 or more"),
        ({"window_shape": (2, 2), "strides": 0}, "strides of 2 whole numbers, 1 or more"),
        ({"window_shape": (2, 2), "strides": (1,)}, "strides of 2 whole numbers, 1 or more"),
        ({"window_shape": (2, 2), "padding": "CIRCULAR"}, "padding SAME, VALID, or numbers, not 'CIRCULAR'"),
        ({"window_shape": (2, 2), "padding": -1}, "padding of one number or pair for each of 2 axes, not -1"),
    ],
)
def test_bad_hyper_parameters(pool: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"{pool.__name__} needs.*{message}"):
        pool(**arguments)


@pytest.mark.parametrize("pool", POOLS)
def test_ceil_mode_of_less_than_a_window_is_that_of_pytorch(pool: Any) -> None:
    y, _, _ = pool((2, 2), ceil_mode=True).forward((), (), jnp.full((1, 1, 1, 1), 3.0))
    assert y.tolist() == [[[[3.0]]]]
    # torch 2.13: F.max_pool1d(torch.tensor([[[1.0, 2.0]]]), 3, 2, ceil_mode=True), and avg_pool1d; both refuse one.
    y, _, _ = pool((3,), 2, ceil_mode=True).forward((), (), jnp.array([1.0, 2.0]).reshape(1, 2, 1))
    assert y.ravel().tolist() == [2.0 if pool is bp.MaxPool else 1.5]
    with pytest.raises(ValueError, match="a window of 3, larger than the 1 elements of an axis padded by 0 and 0"):
        pool((3,), 2, ceil_mode=True).forward((), (), jnp.ones((1, 1, 1)))


@pytest.mark.parametrize("pool", POOLS)
def test_bad_input(pool: Any) -> None:
    with pytest.raises(ValueError, match=r"\(batch, 2 spatial axes, channels\), not \[4, 4, 3\]"):
        pool((2, 2)).forward((), (), jnp.zeros((4, 4, 3)))
    with pytest.raises(ValueError, match="a window of 5, larger than the 4 elements"):
        pool((2, 5)).forward((), (), jnp.zeros((1, 4, 4, 3)))
    with pytest.raises(ValueError, match="windows on padding alone: an axis of 4 elements is padded by 2 and 2"):
        pool((2,), padding=2).forward((), (), jnp.zeros((1, 4, 3)))


@pytest.mark.parametrize(
    ("length", "size", "stride", "pads", "after"),
    [
        (5, 2, 2, (0, 0), 1),  # one element is left
        (4, 2, 2, (0, 0), 0),  # none is
        (6, 2, 3, (0, 0), 0),  # one that no window would start on
        (7, 2, 3, (0, 0), 1),
        (3, 2, 2, (1, 1), 1),  # the next window would start on padding, and this one is whole
        (4, 3, 3, (1, 1), 1),
        (1, 2, 2, (0, 0), 1),  # less than a window, and all that there is
        (1, 3, 2, (0, 0), 0),  # a stride less than a window
        (1, 4, 2, (0, 0), 0),
    ],
)
def test_round_up(length: int, size: int, stride: int, pads: tuple[int, int], after: int) -> None:
    window = Window((size,), (stride,), (1,), (pads,))
    assert round_up(window, (length,)).padding == ((pads[0], after),)
