"""Tiles are a matter of memory: through `DotProductAttention`, they change neither a value nor a gradient."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.catalogue.attention import heads
from tests.layers.normalization.running import run
from tests.temporary_memory import temporary_bytes

Attention = bp.DotProductAttention
T, S = 37, 41
SEGMENTS = np.sort(np.random.default_rng(0).integers(0, 4, (2, T)), 1), np.sort(np.arange(2 * S).reshape(2, S) % 5, 1)
HIDDEN = {
    "nothing": bp.Visibility(),
    "all": bp.Visibility(
        keys=np.array([30, 0], np.int32),
        segments=SEGMENTS,
        mask=np.random.default_rng(1).random((1, 4, T, S)) < 0.7,
        bias=normal(2, 1, T, S),
    ),
}


@pytest.mark.parametrize(
    ("layer", "hidden"),
    [
        (Attention(), "all"),
        (Attention(causal=True), "nothing"),
        (Attention(causal=True, window=9, logit_softcap=2.0), "all"),
        (Attention(window=5), "nothing"),
    ],
    ids=repr,
)
def test_tiles_are_the_whole(layer: bp.DotProductAttention, hidden: str) -> None:
    x, dy = (*heads(2, T, S, 4, 2, 3), HIDDEN[hidden]), normal(2, T, 4, 3)
    whole = run(replace(layer, tile=(T, S)), (), (), x, dy)
    assert np.abs(whole[0]).max() > 0.1
    for tile in ((16, 16), (8, 41), (100, 7)):
        tiled = run(replace(layer, tile=tile), (), (), x, dy)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=5e-6), tiled, whole)


def test_tiles_of_a_later_start() -> None:
    """A query's place is known only when the program runs."""
    x = *heads(1, 5, 23, 2, 2, 3), bp.Visibility(start=np.int32(11))
    whole, tiled = (
        run(Attention(causal=True, window=6, tile=tile), (), (), x, normal(1, 5, 2, 3)) for tile in ((5, 23), (2, 4))
    )
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=5e-6), tiled, whole)


@pytest.mark.parametrize("layer", [Attention(causal=True), Attention()], ids=repr)
def test_memory_grows_with_the_length_and_not_with_its_square(layer: bp.Layer) -> None:
    def used(steps: int) -> int:
        x = jax.ShapeDtypeStruct((1, steps, 2, 16), jnp.float32)
        return temporary_bytes(run.lower(layer, (), (), (x, x, x), x))

    assert used(1024) < 2.3 * used(512)
