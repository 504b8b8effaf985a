from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from backprop_jax.optim.wrappers.state_types import (
    copy_of,
    evaluate,
    highest_dtype,
    keep_types,
    lowest_dtype,
    strong,
    where,
)


def test_keep_types_takes_dtypes_and_containers_of_the_old_state() -> None:
    old = optax.ScaleByAdamState(count=jnp.zeros((), jnp.int32), mu=jnp.ones(2, jnp.bfloat16), nu={})
    kept: Any = keep_types((3.0, jnp.ones(2), {}), old)
    assert jax.tree.structure(kept) == jax.tree.structure(old)
    assert (kept.count.dtype, kept.mu.dtype) == (jnp.int32, jnp.bfloat16)


def test_keep_types_passes_keys_through() -> None:
    key = jax.random.key(1)
    assert keep_types(key, jax.random.key(0)) is key


def test_keep_types_names_a_changed_structure() -> None:
    with pytest.raises(ValueError, match=r"a state changed its structure, from .* to "):
        keep_types({"a": 1.0, "b": 2.0}, {"a": 1.0})


def test_strong_leaves_no_weak_type() -> None:
    assert not any(leaf.weak_type for leaf in jax.tree.leaves(strong({"a": 1.0, "b": jnp.asarray(2), "c": True})))


def test_where_chooses_also_between_keys() -> None:
    keys = jax.random.key(0), jax.random.key(1)
    chosen = where(jnp.array(False), (2.5, keys[0]), (1, keys[1]))
    assert chosen[0] == 1 and jnp.issubdtype(chosen[0].dtype, jnp.integer) and chosen[1] == keys[1]


def test_evaluate_on_shapes_gives_zeros() -> None:
    shapes = {"w": jax.ShapeDtypeStruct((3,), jnp.bfloat16)}
    result = evaluate(lambda tree: 1 + tree["w"], shapes)
    assert result.dtype == jnp.bfloat16 and result.tolist() == [0.0, 0.0, 0.0]


def test_a_copy_and_its_original_may_both_be_donated() -> None:
    params = {"w": jnp.ones(3), "none": None}
    add = partial(jax.jit, donate_argnums=(0, 1))(lambda a, b: jax.tree.map(lambda x, y: (x + y, x - y), a, b))
    assert [part.tolist() for part in add(params, copy_of(params))["w"]] == [[2.0] * 3, [0.0] * 3]


def test_copy_of_takes_a_dtype() -> None:
    assert copy_of(jax.ShapeDtypeStruct((2,), jnp.float32), "bfloat16").dtype == jnp.bfloat16
    assert copy_of(np.ones(2, np.float32), "complex64").dtype == jnp.complex64
    with pytest.raises(ValueError, match="a float32 copy would drop the imaginary part of a complex64 parameter"):
        copy_of(jnp.ones(2, jnp.complex64), "float32")


@pytest.mark.parametrize("dtypes", [["float32"], ["float32", "bfloat16"], ["float16", "complex64", "float32"], []])
def test_lowest_and_highest_dtype_are_those_of_optax(dtypes: list[str]) -> None:
    params = [jnp.ones(2, dtype) for dtype in dtypes]
    assert lowest_dtype(params) == optax.tree.dtype(params, "lowest")
    assert highest_dtype(params) == optax.tree.dtype(params, "highest")


def test_dtypes_without_an_order_are_accepted() -> None:
    params = [jnp.ones(2, "float16"), jnp.ones(2, "bfloat16")]
    assert lowest_dtype(params).itemsize == 2 and highest_dtype(params) == jnp.float32
