"""A few images at a time: how many, and that each has its turn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.layers.convolution import chunks as chunking
from backprop_jax.layers.convolution.chunks import by_chunk


@pytest.mark.parametrize(
    ("batch", "copied", "chunks"),
    [
        (6, 25, 2),  # 4 fit at a time but do not divide 6, so 3
        (7, 25, 7),  # a prime number: one at a time
        (2, 1000, 2),  # not even one fits
        (4, 1, 2),  # all fit; two all the same
        (3, 0, 1),  # nothing is copied
        (1, 25, 1),
        (0, 25, 0),
    ],
)
def test_each_image_once(monkeypatch: pytest.MonkeyPatch, batch: int, copied: int, chunks: int) -> None:
    monkeypatch.setattr(chunking, "CHUNK", 100)
    x, y = jnp.arange(2.0 * batch).reshape(batch, 2), jnp.ones((batch, 2))

    def run(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
        def some(total: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
            return total + x.sum(), x + y

        return by_chunk(copied, some, jnp.zeros(()), (x, y), jnp.zeros((batch, 2)))

    total, out = run(x, y)
    np.testing.assert_array_equal(out, np.arange(2.0 * batch).reshape(batch, 2) + 1)
    assert total == np.arange(2.0 * batch).sum()
    program = str(jax.make_jaxpr(run)(x, y))
    assert f"length={chunks}" in program if chunks else "scan" not in program
