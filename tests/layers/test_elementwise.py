import jax.numpy as jnp
import pytest

from backprop_jax.layers.elementwise import Elementwise


def test_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Elementwise()


def test_derivative_is_computed_in_float32_for_bfloat16() -> None:
    class Recorder(Elementwise):
        def value(self, x):
            return x

        def saved(self, x, y):
            return x

        def derivative(self, saved):
            assert saved.dtype == jnp.float32
            return saved

    x = jnp.ones(3, jnp.bfloat16)
    assert Recorder().backward((), x, x)[1].dtype == jnp.bfloat16
