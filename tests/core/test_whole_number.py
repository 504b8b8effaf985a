import numpy as np
import pytest

from backprop_jax.core.whole_number import whole_number


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_integers_of_any_kind_become_an_int(value) -> None:
    assert type(whole_number(value, 3)) is int
    assert whole_number(value, 3) == 3


@pytest.mark.parametrize("value", [-1, True, False, np.True_, 3.0, np.float32(3), "3", None, (3,), np.array(3)])
def test_all_else_is_none(value) -> None:
    assert whole_number(value, 0) is None
