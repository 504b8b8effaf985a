import jax
import pytest

import backprop_jax as bp
from tests.catalogue import normal

X = (normal(2, 3, 4), normal(2, 5, 4))


def test_a_layer_that_changes_the_shape_is_named() -> None:
    layer = bp.skip_first(bp.chain(bp.select(0), bp.Dense(3)))
    params, state = layer.init(jax.random.key(0), X)
    with pytest.raises(ValueError, match=r"skip_first needs a layer that makes an array of the shape of its first"):
        layer.forward(params, state, X)
    both = bp.skip_first(bp.Identity())
    with pytest.raises(ValueError, match=r"Identity\(\) maps \('float32\[2, 3, 4\]', 'float32\[2, 5, 4\]'\) to \("):
        both.forward((), (), X)


def test_an_array_alone_is_no_input() -> None:
    layer = bp.skip_first(bp.select(0))
    for call in (lambda: layer.init(jax.random.key(0), X[0]), lambda: layer.forward((), (), X[0])):
        with pytest.raises(ValueError, match="needs a tuple, not a ndarray"):
            call()


def test_what_passes_by_is_the_same_array() -> None:
    """Or a scan would save it anew in every layer."""
    y, _, _ = bp.skip_first(bp.select(0)).forward((), (), X)
    assert y[1] is X[1] and (y[0] == 2 * X[0]).all()
