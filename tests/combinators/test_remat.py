import jax
import jax.numpy as jnp
import pytest

import backprop_jax as bp
from tests.temporary_memory import temporary_bytes

B, D, L = 256, 128, 12
block = bp.chain(bp.LayerNorm(), bp.Dense(4 * D), bp.GELU(), bp.Dense(D))


def temporary_bytes_of_a_gradient(model: bp.Layer) -> int:
    x = jax.ShapeDtypeStruct((B, D), jnp.float32)
    params, state = jax.eval_shape(model.init, jax.random.key(0), x)

    def gradient(params, x):
        y, _, residuals = model.forward(params, state, x)
        return model.backward(params, residuals, y)

    return temporary_bytes(jax.jit(gradient).lower(params, x))


@pytest.mark.parametrize(
    "repeat", [lambda layer: bp.chain(*[layer] * L), lambda layer: bp.scan(layer, L)], ids=["unrolled", "scanned"]
)
def test_saves_memory_under_jit(repeat) -> None:
    """Of 10 D floats a row and block (x, the 4 D of GELU's input and output each, the norm's output), remat keeps x."""
    layers = bp.skip(block), bp.skip(bp.remat(block))
    plain, recomputed = (temporary_bytes_of_a_gradient(repeat(layer)) for layer in layers)
    assert recomputed < 0.45 * plain


def test_the_matmul_is_not_computed_again() -> None:
    """The backward of norm and dense needs the norm's output and not the dense layer's."""
    layer, x = bp.remat(bp.LayerNorm(), bp.Dense(D)), jax.ShapeDtypeStruct((B, D), jnp.float32)
    params, state = jax.eval_shape(layer.init, jax.random.key(0), x)

    def gradient(params, x):
        y, _, residuals = layer.forward(params, state, x)
        return y, layer.backward(params, residuals, y)

    flops = jax.jit(gradient).lower(params, x).compile().cost_analysis()["flops"]
    assert flops < 3.2 * 2 * B * D * D  # one forward matmul and two backward, not two and two


def test_saves_the_input_alone() -> None:
    assert bp.residual_bytes(bp.remat(block), jnp.ones((B, D))) == B * D * 4


def test_one_layer_keeps_its_own_parameters() -> None:
    params, _ = bp.remat(bp.Dense(3)).init(jax.random.key(0), jnp.ones((2, 4)))
    assert set(params) == {"w", "b"}
