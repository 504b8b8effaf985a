import jax
import numpy as np
import pytest

from backprop_jax.layers.convolution import chunks as chunking
from backprop_jax.layers.convolution import depthwise, native, strips
from backprop_jax.layers.windows import Window
from tests.catalogue import normal

WINDOW, SPATIAL, IMAGE = Window((3, 2), (1, 1), (1, 2), ((1, 1), (2, 0))), (4, 3), 4 * 3 * 2


def compare(batch: int, groups: int) -> None:
    """Both forms against XLA's."""
    x, w, dy = normal(batch, *SPATIAL, 2), normal(3, 2, 2 // groups, 4), normal(batch, *SPATIAL, 4)

    def ours(x, w, dy):
        form = strips if groups == 1 else depthwise
        return form.convolve(x, w, WINDOW), *form.gradients(x, w, dy, WINDOW)

    def xlas(x, w, dy):
        dx = native.input_gradient(dy, w, SPATIAL, WINDOW, groups)
        return native.convolve(x, w, WINDOW, groups), dx, native.weight_gradient(x, dy, WINDOW, groups)

    actual, expected = jax.jit(ours)(x, w, dy), jax.jit(xlas)(x, w, dy)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), actual, expected)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("batch", "images"), [(6, 3), (2, 0.5), (3, 100), (0, 4)])
def test_a_batch_in_chunks(monkeypatch, groups: int, batch: int, images: float) -> None:
    monkeypatch.setattr(chunking, "CHUNK", int(images * 6 * IMAGE))
    compare(batch, groups)


def test_under_vmap() -> None:
    """One more axis in front, of the images alone or of the weights too, does not disturb the loop over chunks."""
    x, w, dy = normal(3, 2, *SPATIAL, 2), normal(3, 3, 2, 2, 4), normal(3, 2, *SPATIAL, 4)

    def run(x, w, dy):
        return strips.convolve(x, w, WINDOW), *strips.gradients(x, w, dy, WINDOW)

    one_w, own_w = jax.jit(lambda *args: (jax.vmap(run, (0, None, 0))(args[0], w[1], args[2]), jax.vmap(run)(*args)))(
        x, w, dy
    )
    expected = jax.jit(run)(x[1], w[1], dy[1])
    for results in (one_w, own_w):
        for actual, alone in zip(results, expected, strict=True):
            np.testing.assert_allclose(actual[1], alone, rtol=1e-4, atol=1e-5)
