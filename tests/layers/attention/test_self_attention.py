from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.layers.normalization.running import run
from tests.oracles.attention import attention, rotary

Attention, SelfAttention = bp.DotProductAttention, bp.SelfAttention


def test_is_the_definition_on_the_parts_of_x() -> None:
    layer = SelfAttention(4, 2, Attention(causal=True), bp.RotaryEmbedding())
    x = normal(2, 5, 8 * 6)
    q, k, v = np.split(x.reshape(2, 5, 8, 6), (4, 6), 2)  # heads of queries first, then of keys, then of values
    places = np.broadcast_to(np.arange(5), (2, 5))
    q, k = (rotary(part, places, 10000.0, False, 6) for part in (q, k))
    expected = attention(q, k, v, lambda b, h, t, s: s <= t).reshape(2, 5, 24)
    np.testing.assert_allclose(layer.forward((), (), x)[0], expected, atol=2e-6)


def test_steps_that_are_not_real_are_seen_by_none() -> None:
    x, dy, lengths = normal(2, 5, 6 * 4), normal(2, 5, 2 * 4), np.array([3, 0], np.int32)
    dy[0, 3:] = 0  # as what comes behind has it: these steps are not real
    layer = SelfAttention(2, rotary=bp.RotaryEmbedding())
    y, _, _, dx = run(layer, (), (), bp.Padded(x, lengths), bp.Padded(jnp.asarray(dy), None))
    alone, _, _, dalone = run(layer, (), (), x[:1, :3], dy[:1, :3])
    np.testing.assert_allclose(y.x[0, :3], alone[0], atol=1e-6)
    np.testing.assert_allclose(dx.x[0, :3], dalone[0], atol=1e-6)
    for hidden in (y.x[1], dx.x[0, 3:], dx.x[1]):
        np.testing.assert_array_equal(hidden, 0)
    assert isinstance(dx, bp.Padded) and dx.lengths is None


CACHED = {
    "plain": SelfAttention(2, attention=Attention(causal=True)),
    "grouped, turned": SelfAttention(4, 2, Attention(causal=True, tile=(2, 4)), bp.RotaryEmbedding()),
    "window, alibi": SelfAttention(4, 1, Attention(causal=True, window=3, alibi=True, logit_softcap=2.0)),
}


@pytest.mark.parametrize("chunks", [[1] * 9, [4, 1, 4], [9]], ids=str)
@pytest.mark.parametrize("layer", CACHED.values(), ids=CACHED)
def test_cached_is_uncached(layer: bp.SelfAttention, chunks: list[int]) -> None:
    x = normal(2, 9, (layer.num_heads + 2 * layer.groups) * 4)
    whole, _, _ = layer.forward((), (), x)
    cached = replace(layer, cache=11)
    _, state = cached.init(jax.random.key(0), x[:, :1])
    step = jax.jit(lambda state, x: cached.forward((), state, x)[:2])
    parts, first = [], 0
    for count in chunks:
        y, state = step(state, x[:, first : first + count])
        parts.append(y)
        first += count
    np.testing.assert_allclose(np.concatenate(parts, 1), whole, rtol=0, atol=1e-5)
    assert int(state[1].count) == 9


def test_gradient_of_a_second_call_is_that_of_its_own_steps() -> None:
    """The keys and values of the first call are constants; those of the second are uncached's."""
    layer = CACHED["grouped, turned"]
    x, dy = normal(2, 7, 8 * 4), normal(2, 3, 16)
    cached = replace(layer, cache=9)
    _, state, _ = cached.forward((), cached.init(jax.random.key(0), x)[1], x[:, :4])
    _, _, _, dx = run(cached, (), state, x[:, 4:], dy)
    _, _, _, whole = run(layer, (), (), x, np.concatenate([np.zeros((2, 4, 16), np.float32), dy], 1))
    np.testing.assert_allclose(dx, whole[:, 4:], atol=2e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SelfAttention(0), "num_heads of 1 or more, a whole number, not 0"),
        (lambda: SelfAttention(4, 0), "num_kv_heads of 1 or more, a whole number, not 0"),
        (lambda: SelfAttention(4, 3), "num_heads a multiple of num_kv_heads, not 4, 3"),
        (lambda: SelfAttention(4, cache=0, attention=Attention(causal=True)), "cache of 1 or more, .*, not 0"),
        (lambda: SelfAttention(4, cache=8), "with a cache must be causal"),
    ],
)
def test_hyper_parameters_out_of_range(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


X, SEGMENTS = np.zeros((2, 5, 12), np.float32), np.ones((2, 5), np.int32)
WITH_CACHE = SelfAttention(2, attention=Attention(causal=True), cache=4)


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (SelfAttention(4), X[..., :10], r"its 4 heads of queries and twice 4 of keys, 12 in all, not \[2, 5, 10\]"),
        (SelfAttention(4), X[..., :0], r"12 in all, not \[2, 5, 0\]"),
        (SelfAttention(4), X[0], r"at least 3 axes, not of shape \[5, 12\]"),
        (SelfAttention(4), X.astype(np.int32), r"floating point input, not int32\[2, 5, 12\]"),
        (SelfAttention(4), bp.Packed(X, SEGMENTS[:, :4]), r"its x \[2, 5, 12\], not \[2, 4\]"),
        (SelfAttention(4), bp.Packed(X, None), r"its x \[2, 5, 12\], not None"),
        (SelfAttention(4), bp.Packed(X, SEGMENTS > 0), "segments in Packed as integers, not bool"),
        (SelfAttention(4), bp.Padded(X, SEGMENTS[0]), r"was given 5 lengths for the 2 sequences of \[2, 5, 12\]"),
        (SelfAttention(4), bp.Padded(X, np.array([5, 6])), "lengths of 0 to 5, but that of sequence 1 is 6"),
        (WITH_CACHE, X, r"has room for 4 steps, but was given \[2, 5, 12\]"),
        (WITH_CACHE, bp.Packed(X, SEGMENTS), "takes an array, not Packed"),
    ],
)
def test_bad_input(layer: bp.Layer, x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer.init(jax.random.key(0), x)
        layer.forward((), (), x)


@pytest.mark.parametrize("shape", [(0, 3, 12), (2, 0, 12), (0, 0, 12)])
def test_of_nothing_there_is_nothing(shape: tuple[int, ...]) -> None:
    layer, x = bp.SelfAttention(2), jnp.zeros(shape)
    y, _, residuals = layer.forward((), (), x)
    assert y.shape == (*shape[:2], 4)
    assert layer.backward((), residuals, y)[1].shape == shape
    cross = bp.CrossAttention(2)
    y, _, residuals = cross.forward((), (), (jnp.zeros((*shape[:2], 4)), jnp.zeros((shape[0], 5, 8))))
    dq, dmemory = cross.backward((), residuals, y)[1]
    assert dq.shape == y.shape == (*shape[:2], 4) and dmemory.shape == (shape[0], 5, 8)


def test_a_cache_that_is_too_full_gives_nan() -> None:
    layer = bp.SelfAttention(1, attention=bp.DotProductAttention(causal=True), cache=3)
    x = jnp.ones((1, 2, 6))
    _, state = layer.init(jax.random.key(0), x)
    y, state, _ = layer.forward((), state, x)
    assert jnp.isfinite(y).all()
    y, _, _ = layer.forward((), state, x)
    assert jnp.isnan(y).all()


def test_the_output_is_saved_once_under_scan() -> None:
    """x, the output of attention, q, k and v: five arrays, and a number a query and head."""
    part = bp.chain(bp.Dense(12), bp.SelfAttention(2), bp.Dense(4))
    assert bp.residual_bytes(bp.scan(part, 3), jnp.zeros((2, 5, 4))) == 3 * 4 * (5 * 2 * 5 * 4 + 2 * 5 * 2)
