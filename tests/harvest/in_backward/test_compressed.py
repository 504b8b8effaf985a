"""Compressed gradients of layers are what a compressor leaves of the whole ones."""

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest import Int8, TopK, compress_layers
from tests.harvest.in_backward.small import MODEL, gradient_of


def test_the_selected_layers_arrays_are_compressed(begun, gradient) -> None:
    compressed = gradient_of(compress_layers(MODEL, "body/*", TopK(0.2)), *begun)
    for found, whole in zip(jax.tree.leaves(compressed["body"]), jax.tree.leaves(gradient["body"]), strict=True):
        kept = max(1, round(0.2 * whole.size))
        least = np.sort(np.abs(whole), None)[-kept]
        np.testing.assert_allclose(found, np.where(np.abs(whole) >= least, whole, 0), rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), compressed["head"], gradient["head"])


def test_what_draws_has_a_key_for_each_step_and_none_in_evaluation(begun, gradient) -> None:
    model = compress_layers(MODEL, "head", Int8())
    params, state = begun
    own = model.init(jax.random.key(1), np.zeros((1, 4), np.float32))[1]["head"]
    state = state | {"head": own}
    _, after, _ = model.forward(params, state, np.zeros((1, 4), np.float32))
    assert after["head"].step == 1 and after["head"].key != own.key
    first, second = (gradient_of(model, params, one)["head"]["w"] for one in (state, after))
    unit = np.max(np.abs(gradient["head"]["w"])) / 127
    for found in (first, second):
        assert np.max(np.abs(found - gradient["head"]["w"])) <= 1.001 * unit
    assert np.any(first != second)
    exact = gradient_of(bp.eval_mode(model), params, state)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), exact, gradient)
    _, after, _ = bp.eval_mode(model).forward(params, state, np.zeros((1, 4), np.float32))
    assert after["head"].step == 0 and after["head"].key == own.key


def test_what_is_no_compressor_is_refused() -> None:
    for wrong in (TopK, "top", 0.1):
        with pytest.raises(TypeError, match="takes a compressor, such as"):
            compress_layers(MODEL, bp.Dense, wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="selects no layer"):
        compress_layers(MODEL, "tail", TopK(0.5))
