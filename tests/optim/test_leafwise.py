from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from backprop_jax.optim.leafwise import abs_squared, full_like, map_all, map_updates, widen, zeros_like


def add_scaled(update: jax.Array, other: jax.Array, factor: float) -> jax.Array:
    assert update.dtype == other.dtype == jnp.float32
    return update + factor * other


def swap(update: jax.Array, other: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
    return other, update


def test_rules_see_float32_and_dtypes_return() -> None:
    half, full = jnp.ones(3, jnp.bfloat16), jnp.ones(3)
    assert map_updates(add_scaled, 2.0, [half], other=[full])[0].dtype == jnp.bfloat16
    update, other = map_all(swap, None, half, other=full)
    assert (update.dtype, other.dtype) == (jnp.bfloat16, jnp.float32)


def test_none_leaves_everything_beside_it() -> None:
    updates, others = {"a": None, "b": 1.0, "c": None}, {"a": {"x": 5.0, "y": 6.0}, "b": 2.0, "c": None}
    assert map_all(swap, None, updates, other=others) == ({"a": None, "b": 2.0, "c": None}, others | {"b": 1.0})
    assert map_updates(add_scaled, 3.0, updates, other=others) == {"a": None, "b": 7.0, "c": None}


def test_empty_trees() -> None:
    assert map_all(swap, None, {}, other={}) == ({}, {})
    assert map_updates(add_scaled, 1.0, None, other=None) is None


@pytest.mark.parametrize(
    ("updates", "other", "found"),
    [
        ({"a": 1.0, "b": {"x": 1.0}}, {"a": 1.0, "b": {"y": 1.0}}, r"updates has an entry at \['b'\]\['x'\]"),
        ({"a": 1.0}, {"a": 1.0, "b": 1.0}, r"other has an entry at \['b'\], updates has none"),
        ({"a": jnp.ones(3)}, {"a": jnp.ones((3, 3))}, r"at \['a'\] updates has shape \(3,\), other has \(3, 3\)"),
        ({"a": 1.0}, {"a": None}, r"updates has an entry at \['a'\], other has none"),
        (1.0, {}, "updates has an entry at the root, other has none"),
        ([1.0], (1.0,), "they differ in the types of their containers"),
        ({"n": None, "a": 1.0}, {"n": {"x": 1.0}, "b": 1.0}, r"updates has an entry at \['a'\]"),
    ],
)
def test_mismatch_is_named(updates: Any, other: Any, found: str) -> None:
    with pytest.raises(ValueError, match=f"updates and other do not match: {found}.*; pass the gradient"):
        map_updates(add_scaled, 1.0, updates, other=other)


def test_a_rule_is_traced_once_per_shape() -> None:
    calls = []

    def rule(update: jax.Array, _: None) -> jax.Array:
        calls.append(update.shape)
        return update

    jax.eval_shape(lambda updates: map_updates(rule, None, updates), [jnp.ones(3)] * 5 + [jnp.ones(4)])
    assert calls == [(3,), (4,)]


def test_zeros_like_is_never_weak() -> None:
    zeros = zeros_like({"weak": jnp.asarray(1.0), "number": 2.0, "none": None}, None)
    assert not zeros["weak"].weak_type and not zeros["number"].weak_type and zeros["none"] is None
    assert zeros_like(jax.ShapeDtypeStruct((2,), jnp.float32), "bfloat16").dtype == jnp.bfloat16


def test_zeros_like_keeps_the_sharding() -> None:
    sharding = jax.sharding.NamedSharding(jax.make_mesh((1,), ("x",)), jax.sharding.PartitionSpec("x"))
    assert zeros_like(jax.device_put(jnp.ones(4), sharding)).sharding == sharding


def test_zeros_like_takes_any_dtype_for_complex_parameters() -> None:
    assert zeros_like(jnp.ones(2, jnp.complex64), "bfloat16").dtype == jnp.bfloat16


def test_full_like_takes_traced_values() -> None:
    params = {"half": jnp.ones(2, jnp.bfloat16), "wave": jnp.ones((), jnp.complex64)}
    filled = jax.jit(lambda value: full_like(params, value))(0.5)
    assert filled["half"].dtype == jnp.bfloat16 and filled["half"].tolist() == [0.5, 0.5]
    assert filled["wave"].dtype == jnp.complex64 and filled["wave"] == 0.5


@pytest.mark.parametrize(("dtype", "wide"), [("bfloat16", "float32"), ("float16", "float32"), ("complex64",) * 2])
def test_widen(dtype: str, wide: str) -> None:
    assert widen(jnp.ones(2, dtype)).dtype == wide


def test_abs_squared() -> None:
    assert abs_squared(jnp.array(3 + 4j)) == 25.0 and abs_squared(jnp.array(-3.0)) == 9.0
