import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp


@pytest.mark.parametrize("layer", [bp.Softmax(), bp.LogSoftmax()], ids=repr)
def test_logits_of_ten_thousand(layer: bp.Layer) -> None:
    y, _, residuals = layer.forward((), (), jnp.array([[1e4, -1e4, 0.0]]))
    expected = [1.0, 0.0, 0.0] if isinstance(layer, bp.Softmax) else [0.0, -2e4, -1e4]
    assert y[0].tolist() == expected
    _, dx = layer.backward((), residuals, jnp.array([[1.0, 2.0, 3.0]]))
    assert np.isfinite(dx).all()


def test_scalar_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 axes"):
        bp.Softmax().forward((), (), jnp.ones(()))
