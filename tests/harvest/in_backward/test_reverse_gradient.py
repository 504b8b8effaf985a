"""What comes before a reversal learns the opposite."""

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest import ReverseGradient
from tests.harvest.in_backward.small import BODY, gradient_of


def test_a_gradient_is_reversed(begun, gradient) -> None:
    reversed_model = bp.chain(body=BODY, turn=ReverseGradient(0.5), head=bp.Dense(3))
    params, state = begun
    found = gradient_of(reversed_model, params | {"turn": ()}, state | {"turn": ()})
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, -0.5 * b, rtol=1e-5), found["body"], gradient["body"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), found["head"], gradient["head"])


@pytest.mark.parametrize("scale", [-1, float("inf"), float("nan")])
def test_a_scale_that_is_no_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=f"scale of 0 or more, not {scale}"):
        ReverseGradient(scale)
