from typing import Any

import numpy as np
import pytest

import backprop_jax as bp

Q, K = np.zeros((2, 3, 4, 5), np.float32), np.zeros((2, 6, 2, 5), np.float32)
SEGMENTS = np.zeros((2, 3), np.int32), np.zeros((2, 6), np.int32)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ((Q, K), "needs a tuple of 3 inputs, not a tuple of 2"),
        ((Q, K, K, bp.Visibility(), 0), "needs a tuple of 4 inputs, not a tuple of 5"),
        (Q, r"needs a tuple of 3 inputs, not a ndarray\[2, 3, 4, 5\]"),
        ((Q.astype(np.int32), K, K), r"floating point input, not int32\[2, 3, 4, 5\]"),
        ((Q[0], K, K), r"at least 4 axes, not of shape \[3, 4, 5\]"),
        ((Q, K[:1], K[:1]), r"q \(B, T, H, K\).*, not q \[2, 3, 4, 5\], k \[1, 6, 2, 5\], v \[1, 6, 2, 5\]"),
        ((Q, K, K[:, :5]), r"k \(B, S, G, K\), v \(B, S, G, V\), not .* k \[2, 6, 2, 5\], v \[2, 5, 2, 5\]"),
        ((Q, K, K[:, :, :1]), r"not .* k \[2, 6, 2, 5\], v \[2, 6, 1, 5\]"),
        ((Q, K[..., :4], K), r"not .* k \[2, 6, 2, 4\]"),
        ((Q[:, :, :3], K, K), r"of q a multiple of those of k and v, not q \[2, 3, 3, 5\], k \[2, 6, 2, 5\]"),
        ((Q, K[:, :, :0], K[:, :, :0]), r"of q a multiple of those of k and v, not .* k \[2, 6, 0, 5\]"),
        ((Q[..., :0], K[..., :0], K), r"heads of some width.*, not q \[2, 3, 4, 0\]"),
    ],
)
def test_queries_keys_and_values_that_do_not_fit(x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"DotProductAttention\(.*{message}"):
        bp.DotProductAttention().forward((), (), x)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.ones((2, 6), bool), r"as a Visibility\(keys=..., mask=...\), not ndarray"),
        (bp.Visibility(keys=np.ones(3, np.int32)), r"was given keys \[3\] for 2 sequences"),
        (bp.Visibility(keys=np.ones((2, 3), bool)), r"a mask \(B, 6\) of bool, not bool\[2, 3\]"),
        (bp.Visibility(keys=np.ones(2, np.float32)), r"whole numbers, or a mask .*, not float32\[2\]"),
        (
            bp.Visibility(segments=SEGMENTS[::-1]),
            r"segments of queries as integers \(2, 3\), not int32\[2, 6\]",
        ),
        (
            bp.Visibility(segments=(SEGMENTS[0], SEGMENTS[0])),
            r"segments of keys as integers \(2, 6\), not int32\[2, 3\]",
        ),
        (
            bp.Visibility(segments=(SEGMENTS[0], SEGMENTS[1].astype(np.float32))),
            r"segments of keys as integers \(2, 6\), not float32\[2, 6\]",
        ),
        (bp.Visibility(segments=SEGMENTS[0]), "needs segments as a pair, those of queries and of keys, not ndarray"),
        (
            bp.Visibility(segments=SEGMENTS[:1]),
            "needs segments as a pair, those of queries and of keys, not tuple of 1",
        ),
        (
            bp.Visibility(mask=np.ones((3, 6), bool)),
            r"a mask of bool and shape \[2, 4, 3, 6\], the first two axes may be 1, not bool\[3, 6\]",
        ),
        (bp.Visibility(mask=np.ones((1, 2, 3, 6), bool)), r"\[2, 4, 3, 6\], .*, not bool\[1, 2, 3, 6\]"),
        (bp.Visibility(mask=np.ones((2, 1, 1, 6), bool)), r"\[2, 4, 3, 6\], .*, not bool\[2, 1, 1, 6\]"),
        (bp.Visibility(mask=np.ones((1, 1, 3, 6), np.float32)), r"a mask of bool .*, not float32\[1, 1, 3, 6\]"),
        (bp.Visibility(bias=np.ones((1, 1, 3, 6), bool)), r"a bias of floating .*, not bool\[1, 1, 3, 6\]"),
        (bp.Visibility(start=np.zeros(2, np.int32)), r"one whole number as start, .*, not int32\[2\]"),
        (bp.Visibility(start=np.float32(1)), r"one whole number as start, .*, not float32\[\]"),
        (bp.Visibility(bias=np.ones((1, 1, 3, 1), np.float32)), r"a bias of .*, not float32\[1, 1, 3, 1\]"),
    ],
)
def test_what_hides_keys_and_does_not_fit(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bp.DotProductAttention().forward((), (), (Q, K, K, data))
