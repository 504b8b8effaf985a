from __future__ import annotations

from collections import OrderedDict
from typing import Any

import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from tests.optim.oracle import rejects_update

GRADIENT = jnp.array([3.0, 4.0])


def test_members_of_a_named_chain_have_named_states() -> None:
    named = optim.named_chain(("sum", optim.trace(0.5)), ("a", optax.scale(-1.0)))
    state = named.init(GRADIENT)
    assert isinstance(state, OrderedDict) and list(state) == ["sum", "a"]
    for _ in range(2):
        updates, state = named.update(GRADIENT, state, unused=1)
    assert updates.tolist() == [-4.5, -6.0] and state["sum"].trace.tolist() == [4.5, 6.0]


def test_a_named_chain_prints_as_its_call() -> None:
    text = "named_chain(('sum', trace(decay=0.5, nesterov=False, accumulator_dtype=None)), ('a', scale(step_size=2.0)))"
    named = optim.named_chain(("sum", optim.trace(0.5)), ("a", optim.scale(2.0)))
    assert repr(named) == text and repr(optim.named_chain()) == "named_chain()"
    assert named.elementwise and not optim.named_chain(("last", optax.scale(2.0))).elementwise


@pytest.mark.parametrize("member", [optim.scale(2.0), "scale", ("a", "b", "c"), optax.scale(2.0)])
def test_members_must_be_named(member: Any) -> None:
    with pytest.raises(TypeError, match=r"named_chain: member 0 is .*; pass pairs \(name, transform\)"):
        optim.named_chain(member)


def test_names_must_differ_and_members_be_transforms() -> None:
    with pytest.raises(ValueError, match=r"every name must be another, got \['a', 'a'\]"):
        optim.named_chain(("a", optim.scale(2.0)), ("a", optim.scale(2.0)))
    with pytest.raises(TypeError, match=r"named_chain: member 'a' is .*, which is no transform"):
        optim.named_chain(("a", optim.scale))


def test_the_state_of_another_named_chain_is_refused() -> None:
    named = optim.named_chain(("a", optim.trace(0.5)))
    assert "the state has the names ['b'], the transforms ['a']" in rejects_update(
        named, GRADIENT, {"b": optim.trace(0.5).init(GRADIENT)}
    )
