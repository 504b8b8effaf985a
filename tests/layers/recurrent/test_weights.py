import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.initializers import orthogonal
from backprop_jax.layers.recurrent.weights import blocks, project, width_of

LAYER = bp.GRUCell(2)


def test_each_block_is_drawn_by_itself() -> None:
    drawn = blocks(orthogonal(), jax.random.key(0), (3, 3), 2, jnp.float32)
    assert drawn.shape == (3, 6)
    for block in np.split(drawn, 2, axis=1):
        np.testing.assert_allclose(block @ block.T, np.eye(3), atol=1e-6)


def test_products_with_x_of_the_wrong_width() -> None:
    params = {"w": jnp.ones((3, 4))}
    assert project(LAYER, params, jnp.ones((2, 3))).tolist() == [[3] * 4] * 2
    with pytest.raises(ValueError, match=r"GRUCell\(features=2\) was initialized for inputs of width 3.*given width 2"):
        project(LAYER, params, jnp.ones((5, 4, 2)))


@pytest.mark.parametrize("shape", [(3,), (2, 0), (2, 3, 4)], ids=str)
def test_x_that_is_not_of_one_step(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"needs the x of one step, \(B, D\) with D of 1 or more, not \["):
        width_of(LAYER, jnp.zeros(shape))


def test_parameters_are_at_least_float32() -> None:
    assert width_of(LAYER, jnp.zeros((2, 3), jnp.bfloat16)) == (3, jnp.float32)
