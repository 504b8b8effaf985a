from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.optim.hyperparameters import (
    concrete,
    dtype_name,
    require_decay,
    require_non_negative,
    require_positive,
)


@dataclass
class Owner:
    field: Any


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (require_non_negative, [0, 0.5, np.float32(3), jnp.array([0.1, 0.2])], [-1e-9, float("nan"), jnp.array(-1.0)]),
        (require_positive, [1, jnp.array(0.1)], [0, -1.0, float("nan")]),
        (require_decay, [0, 0.999, np.array([0.1, 0.9])], [1, 1.5, -0.1, float("nan"), np.array([0.5, 1.0])]),
    ],
)
def test_checks(check: Any, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        check(Owner(value), "field", "try another")
        # A concrete array stays concrete while something else is traced.
        jax.jit(lambda value=value: check(Owner(value), "field", ""))()
    for value in bad:
        with pytest.raises(ValueError, match=r"Owner: field must .*, got .*; try another"):
            check(Owner(value), "field", "try another")


@pytest.mark.parametrize("value", [None, "0.1", len])
def test_what_is_no_number_is_named(value: Any) -> None:
    with pytest.raises(TypeError, match="Owner: field must be a number, got "):
        require_decay(Owner(value), "field", "try another")


def test_traced_values_pass() -> None:
    def check(value: jax.Array) -> jax.Array:
        require_positive(Owner(value), "field", "")
        assert concrete(value) is None
        return value

    jax.vmap(check)(jnp.array([-1.0, 1.0]))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, "bfloat16", jnp.dtype("bfloat16")])
def test_equal_dtypes_have_one_name(dtype: Any) -> None:
    assert dtype_name(Owner(dtype), "field") == "bfloat16"


def test_dtype_must_be_inexact() -> None:
    assert dtype_name(Owner(None), "field") is None
    with pytest.raises(ValueError, match="Owner: field must be a floating-point or complex dtype, got 'int32'"):
        dtype_name(Owner("int32"), "field")
