import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.layers.recurrent.padded import Padded, mask_of, require_padded

LAYER = bp.Identity()
X = jnp.ones((3, 4, 2))
MASK = [[True, True, False, False], [False] * 4, [True] * 4]


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int8"])
def test_lengths_and_masks_are_two_forms_of_one_thing(dtype: str) -> None:
    lengths, mask = jnp.array([2, 0, 4], dtype), jnp.array(MASK)
    assert mask_of(lengths, 4).tolist() == MASK
    assert mask_of(mask, 4).tolist() == MASK
    assert require_padded(LAYER, Padded(X, lengths)).tolist() == MASK
    assert require_padded(LAYER, Padded(X, mask)).tolist() == MASK


def test_more_steps_than_a_small_dtype_can_count() -> None:
    assert mask_of(np.array([100], np.int8), 300).sum() == 100


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (np.ones(3, np.float32), r"\(B,\) whole numbers, or a mask \(B, 4\) of bool, not float32\[3\]"),
        (np.ones((3, 4), np.int32), r"not int32\[3, 4\]"),
        (np.ones((3, 5), bool), r"not bool\[3, 5\]"),
        (np.ones(3, bool), r"not bool\[3\]"),
        ([2, 0, 4], "not list"),
        (None, "not NoneType"),
    ],
    ids=str,
)
def test_neither_form(lengths, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mask_of(lengths, 4)


def test_lengths_that_do_not_fit_the_sequences() -> None:
    for lengths in (np.ones(2, np.int32), np.ones((2, 4), bool)):
        with pytest.raises(ValueError, match=r"Identity\(\) was given 2 lengths for the 3 sequences of \[3, 4, 2\]"):
            require_padded(LAYER, Padded(X, jnp.asarray(lengths)))
    for number in (5, -1):
        with pytest.raises(ValueError, match=f"lengths of 0 to 4, but that of sequence 1 is {number}"):
            require_padded(LAYER, Padded(X, jnp.array([4, number, 0])))
    with pytest.raises(ValueError, match=r"Identity\(\) needs sequences \(B, T, ...\) in Padded, not \(3,\)"):
        require_padded(LAYER, Padded(jnp.ones(3), jnp.ones(3, int)))


def test_under_jit_lengths_beyond_the_ends_are_those_of_the_ends() -> None:
    mask = jax.jit(lambda lengths: require_padded(LAYER, Padded(X, lengths)))(jnp.array([2, -1, 9]))
    assert mask.tolist() == MASK
