"""Which optimizers may leave out a gradient that is not finite; what they do with one is tested with each."""

from typing import Any

import jax.numpy as jnp
import optax
import pytest

from backprop_jax import optim
from backprop_jax.train.forgiveness import may_forgive

PARAMS = {"w": jnp.zeros((3, 2)), "b": jnp.zeros(2)}


def needy(updates: Any, state: Any, params: Any, *, curvature: Any) -> tuple[Any, Any]:
    return curvature * updates, state


SPOILED = {
    "sgd": optim.sgd(0.1, momentum=0.9),
    "adam": optim.adam(1e-3),
    "clipped by its norm": optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(1e-3)),
    "muon": optim.muon(0.02),
    "of optax": optax.adamw(1e-3),
}
FORGIVING = {
    "apply_if_finite": optim.apply_if_finite(optim.adam(1e-3), 3),
    "of optax": optax.apply_if_finite(optax.adam(1e-3), 3),
    "infinities made 1": optim.chain(optim.clip(1.0), optim.sgd(0.1)),
    "at a loss out of bounds": optim.skip_loss_spikes(optim.adam(1e-3)),
    "of one parameter": optim.chain(optim.sgd(0.1), optim.freeze({"w": False, "b": True})),
    "only every fourth": optim.chain(optim.apply_every(4), optim.sgd(0.1)),
    "what needs more than it is given": optax.GradientTransformationExtraArgs(optax.init_empty_state, needy),
}


@pytest.mark.parametrize("optimizer", SPOILED.values(), ids=SPOILED)
def test_most_are_spoiled(optimizer: Any) -> None:
    assert not may_forgive(optimizer, PARAMS)


@pytest.mark.parametrize("optimizer", FORGIVING.values(), ids=FORGIVING)
def test_some_may_forgive(optimizer: Any) -> None:
    assert may_forgive(optimizer, PARAMS)
