from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from tests.catalogue import normal
from tests.catalogue.attention import heads
from tests.layers.normalization.running import run
from tests.oracles.attention import attention

Attention = bp.DotProductAttention
LENGTHS = np.array([4, 0], np.int32)
GAPS = np.array([[True, False, False, True, True], [False] * 5])
ASKING, ANSWERING = np.array([[1, 2, 0], [3, 3, 1]], np.int32), np.array([[1, 1, 2, 0, 3], [3, 0, 3, 2, 2]], np.int32)
MASK = np.random.default_rng(0).random((1, 4, 3, 5)) < 0.5
BIAS = normal(2, 1, 3, 5)


def value(layer: bp.Layer, *x: Any) -> jax.Array:
    return layer.forward((), (), x)[0]


@pytest.mark.parametrize(
    ("layer", "sees", "expected"),
    [
        (Attention(), lambda b, h, t, s: True, {}),
        (Attention(scale=0.3), lambda b, h, t, s: True, {"scale": 0.3}),
        (Attention(causal=True), lambda b, h, t, s: s <= t, {}),
        (Attention(causal=True, window=2), lambda b, h, t, s: t - 2 < s <= t, {}),
        (Attention(window=2), lambda b, h, t, s: t - 2 < s < t + 2, {}),
        (Attention(logit_softcap=0.5), lambda b, h, t, s: True, {"softcap": 0.5}),
        (
            Attention(alibi=True),
            lambda b, h, t, s: True,
            # Slopes of four heads.
            {"bias": np.fromfunction(lambda b, h, t, s: -(4.0 ** -(h + 1)) * abs(t - s), (2, 4, 3, 5))},
        ),
    ],
    ids=lambda part: repr(part) if isinstance(part, bp.Layer) else "",
)
@pytest.mark.parametrize("groups", [4, 2, 1])
def test_is_the_definition(layer: bp.Layer, sees: Any, expected: Any, groups: int) -> None:
    x = heads(2, 3, 5, 4, groups, 3)
    np.testing.assert_allclose(value(layer, *x), attention(*x, sees, **expected), atol=2e-6)


@pytest.mark.parametrize(
    ("data", "sees", "expected"),
    [
        (bp.Visibility(), lambda b, h, t, s: True, {}),
        (bp.Visibility(keys=LENGTHS), lambda b, h, t, s: s < LENGTHS[b], {}),
        (bp.Visibility(keys=GAPS), lambda b, h, t, s: GAPS[b, s], {}),
        (
            bp.Visibility(segments=(ASKING, ANSWERING)),
            lambda b, h, t, s: ASKING[b, t] == ANSWERING[b, s] != 0,
            {},
        ),
        (bp.Visibility(mask=MASK), lambda b, h, t, s: MASK[0, h, t, s], {}),
        (bp.Visibility(bias=BIAS), lambda b, h, t, s: True, {"bias": np.broadcast_to(BIAS, (2, 4, 3, 5))}),
        (
            bp.Visibility(keys=LENGTHS, mask=MASK, bias=BIAS),
            lambda b, h, t, s: s < LENGTHS[b] and MASK[0, h, t, s],
            {"bias": np.broadcast_to(BIAS, (2, 4, 3, 5))},
        ),
    ],
    ids=["none", "lengths", "gaps", "segments", "mask", "bias", "several"],
)
def test_sees_what_the_data_say(data: bp.Visibility, sees: Any, expected: Any) -> None:
    x = heads(2, 3, 5, 4, 2, 3)
    np.testing.assert_allclose(value(Attention(), *x, data), attention(*x, sees, **expected), atol=2e-6)


def test_the_first_query_may_stand_further_on() -> None:
    x = heads(2, 3, 7, 2, 2, 4)
    y = value(Attention(causal=True, window=3), *x, bp.Visibility(start=np.int32(2)))
    np.testing.assert_allclose(y, attention(*x, lambda b, h, t, s: t + 2 - 3 < s <= t + 2), atol=2e-6)


def test_values_may_be_wider_than_keys() -> None:
    q, k, _ = heads(2, 3, 5, 4, 2, 3)
    v = normal(2, 5, 2, 7)
    np.testing.assert_allclose(value(Attention(), q, k, v), attention(q, k, v), atol=2e-6)


NOTHING = {
    "mask": bp.Visibility(mask=np.zeros((1, 1, 3, 5), bool)),
    "lengths": bp.Visibility(keys=np.zeros(2, np.int32)),
    "segments": bp.Visibility(segments=(np.ones((2, 3), np.int32), np.full((2, 5), 2))),
    "bias": bp.Visibility(bias=np.full((1, 1, 3, 5), -np.inf, np.float32)),
}


@pytest.mark.parametrize("data", NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize("layer", [Attention(), Attention(tile=(2, 2), logit_softcap=3.0, alibi=True)], ids=repr)
def test_no_key_gives_exactly_zero_and_no_gradient(layer: bp.Layer, data: bp.Visibility) -> None:
    x = *heads(2, 3, 5, 4, 2, 3), data
    y, _, _, dx = run(layer, (), (), x, normal(2, 3, 4, 3))
    for leaf in (y, *jax.tree.leaves(dx)):
        np.testing.assert_array_equal(leaf, 0)


def test_rows_without_a_key_leave_the_others_alone() -> None:
    """Query 1 sees nothing: the gradients are those of the two others, and its own 0."""
    q, k, v = heads(1, 3, 5, 2, 2, 3)
    dy = normal(1, 3, 2, 3)
    mask = np.ones((1, 1, 3, 5), bool)
    mask[:, :, 1] = False
    y, _, _, (dq, dk, dv, _) = run(Attention(), (), (), (q, k, v, bp.Visibility(mask=mask)), dy)
    others = [0, 2]
    alone, _, _, (dq_alone, *alone_rest) = run(Attention(), (), (), (q[:, others], k, v), dy[:, others])
    for ours, expected in ((y, alone), (dq, dq_alone)):
        np.testing.assert_allclose(ours[:, others], expected, atol=1e-6)
        np.testing.assert_array_equal(ours[:, 1], 0)
    jax.tree.map(lambda *pair: np.testing.assert_allclose(*pair, atol=1e-6), [dk, dv], alone_rest)


def test_far_keys_of_huge_scores() -> None:
    """exp of the scores themselves would be infinite, or 0 for all."""
    q, k, v = heads(1, 3, 8, 1, 1, 4)
    shifted = value(Attention(tile=(3, 2)), q, k, v, bp.Visibility(bias=np.full((1, 1, 3, 8), 1e4, np.float32)))
    np.testing.assert_allclose(shifted, value(Attention(), q, k, v), atol=2e-3)  # 1e4 has three digits behind its point
    sharp = value(Attention(scale=1e4, tile=(3, 2)), q, k, v)
    best = np.argmax(np.einsum("btgk,bsgk->bts", q, k)[0], -1)
    np.testing.assert_allclose(sharp[0], v[0, best], atol=1e-6)


def test_dropout_removes_its_share_and_scales_the_rest() -> None:
    """With v the identity, y is what is left of p."""
    steps, rate = 64, 0.3
    q, k = normal(2, steps, 3, 8), normal(2, steps, 3, 8)
    v = np.broadcast_to(np.eye(steps, dtype=np.float32)[None, :, None], (2, steps, 3, steps))
    p = np.asarray(value(Attention(), q, k, v))
    layer = Attention(rate=rate, tile=(32, 32))
    _, state = layer.init(jax.random.key(0), (q, k, v))
    y, new_state, _ = layer.forward((), state, (q, k, v))
    left = np.asarray(y) != 0
    assert abs(np.mean(left) - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / left.size)
    np.testing.assert_allclose(np.where(left, y, 0), np.where(left, p / (1 - rate), 0), rtol=1e-5, atol=1e-7)
    # No two tiles, heads or sequences drop the same.
    tiles = [left[b, t : t + 32, h, s : s + 32] for b in (0, 1) for h in range(3) for t in (0, 32) for s in (0, 32)]
    assert len({tile.tobytes() for tile in tiles}) == len(tiles)
    assert not jnp.array_equal(jax.random.key_data(state), jax.random.key_data(new_state))
    np.testing.assert_allclose(bp.eval_mode(layer).forward((), state, (q, k, v))[0], p, atol=1e-6)


def test_bfloat16_is_near_the_definition() -> None:
    x = tuple(jnp.asarray(part, jnp.bfloat16) for part in heads(1, 37, 37, 2, 1, 16))
    y = value(Attention(causal=True, tile=(16, 8)), *x)
    assert y.dtype == jnp.bfloat16
    expected = attention(*(np.asarray(part, np.float32) for part in x), sees=lambda b, h, t, s: s <= t)
    # Probabilities are rounded once and the output once, each by 2^-9 of itself.
    np.testing.assert_allclose(np.asarray(y, np.float32), expected, atol=2**-8 * float(jnp.max(jnp.abs(x[2]))))


def test_saves_inputs_output_and_one_number_a_query() -> None:
    x = heads(2, 37, 41, 4, 2, 8)
    numbers = sum(part.size for part in x) + 2 * 37 * 4 * 8 + 2 * 37 * 4
    assert bp.residual_bytes(Attention(causal=True), x) == 4 * numbers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 0.0}, "a finite scale above 0 or None, not 0.0"),
        ({"scale": float("nan")}, "a finite scale above 0 or None, not nan"),
        ({"logit_softcap": -1.0}, "a finite logit_softcap above 0 or None, not -1.0"),
        ({"logit_softcap": "2"}, "a finite logit_softcap above 0 or None, not '2'"),
        ({"window": 0}, "a window of 1 or more, a whole number, not 0"),
        ({"window": 1.5}, "a window of 1 or more, a whole number, not 1.5"),
        ({"tile": (0, 4)}, "a tile of 1 or more, a whole number, not 0"),
        ({"tile": 4}, r"a tile of two numbers, \(queries, keys\), not 4"),
        ({"tile": (4,)}, r"a tile of two numbers, \(queries, keys\), not \(4,\)"),
        ({"rate": 1.0}, "removes a fraction of at least 0 and less than 1, not 1.0"),
    ],
)
def test_hyper_parameters_out_of_range(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(Attention(), **options)
