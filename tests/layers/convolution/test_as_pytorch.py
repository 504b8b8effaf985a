"""Convolutions of whole numbers against PyTorch 2.13's results, stored in tests/oracles: equal, not close."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.core.layer import PyTree
from tests.oracles.torch_convolution import CASES, Given, numbers, parameters, stored


@cache
def _ours() -> list[dict[str, jax.Array]]:
    """All of them from one compilation."""

    def results(given: Given, params: PyTree, x: jax.Array) -> dict[str, jax.Array]:
        y, _, residuals = given.layer.forward(params, (), x)
        dparams, dx = given.layer.backward(params, residuals, jnp.asarray(numbers(y.shape, 2), y.dtype))
        return {"y": y, "dx": dx} | {f"d{name}": part for name, part in dparams.items()}

    inputs = jax.tree.map(np.float32, [(parameters(given), numbers(given.shape, 5)) for given in CASES])
    calculate = lambda inputs: [results(given, *arrays) for given, arrays in zip(CASES, inputs, strict=True)]
    return jax.jit(calculate)(inputs)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: repr(CASES[number].layer)[:70])
def test_value_and_gradients(number: int) -> None:
    ours = {name: np.ravel(part).tolist() for name, part in _ours()[number].items()}
    assert ours == stored()[number]
