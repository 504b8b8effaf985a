from __future__ import annotations

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import assert_close


def sm3_by_the_paper(gradients: np.ndarray) -> np.ndarray:
    """Algorithm SM3-II of arXiv:1901.11150, number by number, where the cover is the slices of all axes."""
    shape = gradients.shape[1:]
    bounds = [np.zeros(n) for n in shape]
    update = np.zeros(shape)
    for gradient in gradients.astype(np.float64):
        new_bounds = [np.zeros(n) for n in shape]
        for place in itertools.product(*map(range, shape)):
            square = min(bound[i] for bound, i in zip(bounds, place, strict=True)) + gradient[place] ** 2
            update[place] = gradient[place] / np.sqrt(square) if square > 0 else 0.0
            for bound, i in zip(new_bounds, place, strict=True):
                bound[i] = max(bound[i], square)
        bounds = new_bounds
    return update


@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 3, 4), (1, 4)])
def test_follows_the_paper(shape: tuple[int, ...]) -> None:
    gradients = np.random.default_rng(0).normal(size=(5, *shape)).astype(np.float32)
    gradients[:, ..., 0] = 0.0
    transform = optim.scale_by_sm3(b1=0.0, eps=0.0)
    state, update = transform.init(jnp.zeros(shape)), None
    for gradient in gradients:
        update, state = transform.update(jnp.asarray(gradient), state)
    assert_close(update, sm3_by_the_paper(gradients), 1e-6)


def test_half_precision_state_has_no_axis_of_a_leafs_size() -> None:
    transform = optim.scale_by_sm3()
    half = jnp.full((3, 4), 1e-4, jnp.float16)  # whose square is zero in float16
    state = transform.init(half)
    assert [bound.shape for bound in state.mu] == [(3,), (4,)] and state.mu[0].dtype == jnp.float16
    update, _ = transform.update(half, state)
    np.testing.assert_allclose(np.asarray(update, np.float32), 0.1 * 1e-4 / np.sqrt(1e-8 + 1e-8), rtol=1e-3)


@pytest.mark.parametrize("param", [jnp.ones((2, 2), jnp.complex64), jnp.ones(())])
def test_complex_and_axisless_parameters_are_refused(param: jnp.ndarray) -> None:
    with pytest.raises(ValueError, match=r"scale_by_sm3: the parameter at \['w'\] is .*; it must be real and have an"):
        optim.scale_by_sm3().init({"w": param, "b": jnp.ones(2)})


@pytest.mark.parametrize("wrong", [{"b1": 1.0}, {"b2": 1.1}, {"b2": float("nan")}, {"eps": -1.0}])
def test_wrong_hyperparameters_are_named(wrong: dict[str, Any]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(ValueError, match=f"scale_by_sm3: {name} must .*, got {value}; .* is usual"):
        optim.scale_by_sm3(**wrong)
