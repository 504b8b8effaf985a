from __future__ import annotations

import operator
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim


def test_set_to_zero_takes_any_numbers() -> None:
    updates = {"w": jnp.array([jnp.nan, jnp.inf]), "b": jnp.ones(2, jnp.bfloat16), "frozen": None}
    zeros, state = optim.set_to_zero().update(updates, optim.set_to_zero().init(None))
    assert zeros["w"].tolist() == [0.0, 0.0] and zeros["b"].dtype == jnp.bfloat16 and zeros["frozen"] is None
    assert state == optim.EmptyState()


def test_stateless_is_a_decorator_and_sees_whole_trees() -> None:
    @optim.stateless
    def toward_the_mean(updates: Any, params: Any) -> Any:
        assert params is None
        mean = sum(jax.tree.leaves(updates)) / 2
        return jax.tree.map(lambda update: update - mean, updates)

    chain = optim.chain(optim.scale(2.0), toward_the_mean)
    updates, _ = chain.update({"a": jnp.float32(1.0), "b": jnp.float32(2.0)}, chain.init(None), loss=1.0)
    assert updates == {"a": -1.0, "b": 1.0}


def test_the_function_of_arrays_gets_none_without_parameters() -> None:
    double = optim.stateless_with_tree_map(lambda update, param: 2 * update if param is None else param)
    state = double.init(None)
    assert double.update({"w": jnp.float32(3.0)}, state)[0] == {"w": 6.0}
    assert double.update({"w": jnp.float32(3.0), "frozen": None}, state, {"w": 5.0, "frozen": None})[0] == {
        "w": 5.0,
        "frozen": None,
    }
    assert double.update({"frozen": None}, state, {"frozen": 5.0})[0] == {"frozen": None}
    with pytest.raises(ValueError, match=r"updates has an entry at \['w'\], params has none"):
        double.update({"w": jnp.float32(3.0)}, state, {"b": 5.0})


@pytest.mark.parametrize("make", [optim.stateless, optim.stateless_with_tree_map])
def test_equal_functions_make_equal_transforms(make: Any) -> None:
    assert make(operator.add) == make(f=operator.add) and hash(make(operator.add)) == hash(make(operator.add))
    with pytest.raises(TypeError, match=f"{make.__name__}: f is 0.1; pass a function of the updates"):
        make(0.1)
