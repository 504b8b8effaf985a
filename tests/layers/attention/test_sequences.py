import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.layers.attention.sequences import sequences_of, visibility_of, with_sequences
from tests.catalogue import normal

X, Y = normal(2, 3, 4), normal(2, 3, 1)
LENGTHS, SEGMENTS = np.array([3, 1], np.int32), np.array([[1, 2, 0], [1, 1, 1]], np.int32)
FORMS = {"array": X, "padded": bp.Padded(X, LENGTHS), "packed": bp.Packed(X, SEGMENTS)}


@pytest.mark.parametrize("form", FORMS)
def test_the_array_is_taken_out_and_another_put_in(form: str) -> None:
    x = FORMS[form]
    assert sequences_of(x) is X
    other = with_sequences(x, Y)
    assert type(other) is type(x) and sequences_of(other) is Y
    if form != "array":
        assert other[1] is x[1]


def test_what_they_hide() -> None:
    layer = bp.SelfAttention(1)
    assert visibility_of(layer, X) is None
    assert visibility_of(layer, FORMS["padded"]) == bp.Visibility(keys=LENGTHS)
    assert visibility_of(layer, FORMS["packed"]) == bp.Visibility(segments=(SEGMENTS, SEGMENTS))
