import tracemalloc

import numpy as np
import pytest

from backprop_jax.data import check_tokens
from backprop_jax.data.text.token_check import require_tokens, token_vector


@pytest.mark.parametrize("tokens", [[0, 4], np.array([[0], [4]], np.uint8), np.int64(4), [], np.zeros((0, 3))])
def test_tokens_keep_their_shape_and_become_int32(tokens: np.ndarray) -> None:
    checked = check_tokens(tokens, 5)
    assert (checked.dtype, checked.shape) == (np.int32, np.shape(tokens))
    assert (checked == tokens).all()


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([0, 5, 6], r"token 5 at \[1\] is not in the vocabulary of 0 to 4"),
        ([[0, 1], [2, -1]], r"token -1 at \[1, 1\]"),
        (np.array([2**32]), "token 4294967296"),  # which int32 would make a 0
    ],
)
def test_the_first_unknown_token_is_named(tokens: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_tokens(tokens, 5)


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="tokens must be integers, not float64"):
        check_tokens(np.array([0.0]), 5)


def test_a_long_text_is_looked_at_piece_by_piece() -> None:
    tokens = np.zeros(2**22, np.uint16)
    tracemalloc.start()
    try:
        require_tokens(tokens, 5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**22
    tokens[3_000_000] = 5
    with pytest.raises(ValueError, match=r"token 5 at \[3000000\] is not in the vocabulary of 0 to 4"):
        require_tokens(tokens, 5)


@pytest.mark.parametrize("tokens", [[[0, 1]], 1])
def test_a_text_is_one_row(tokens: list) -> None:
    assert token_vector([0, 1], 5).tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"a vector, not an array of shape \("):
        token_vector(tokens, 5)
