from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.testing.cases import QUICK
from tests.oracles.torch_recurrent import CASES, LENGTHS, SIZES, Given, numbers, parameters, starts, stored


def as_carry(parts: list[np.ndarray]) -> Any:
    return bp.LSTMCarry(*parts) if len(parts) > 1 else parts[0]


def flat(tree: Any) -> list[jax.Array]:
    return [jnp.ravel(leaf) for leaf in jax.tree.leaves(tree)]


def both_directions(given: Given, x: bp.Padded) -> dict[str, Any]:
    y, dx, runs = [], 0, []
    for run in range(2):
        layer, params = bp.recurrent(given.cell, carry="input", reverse=run == 1), parameters(given, run)
        (output, last), _, residuals = layer.forward(params, (), (x, as_carry(starts(given, run, 3))))
        width = output.x.shape[-1]
        dy = numbers((*SIZES[:2], 2 * width), 2)[..., run * width : (run + 1) * width]
        dlast = as_carry(starts(given, run, 7))
        dparams, (part, dstart) = layer.backward(params, residuals, (bp.Padded(dy, None), dlast))
        y, dx = [*y, output.x], dx + part.x
        runs.append({"last": flat(last), "dstart": flat(dstart), **{name: dparams[name].ravel() for name in dparams}})
    return {"y": jnp.concatenate(y, -1).ravel(), "dx": dx.ravel(), "runs": runs}


def two_layers(given: Given, x: bp.Padded) -> dict[str, Any]:
    layer = bp.chain(bp.recurrent(given.cell), bp.recurrent(given.cell))
    params = tuple(parameters(given, run) for run in range(2))
    y, _, residuals = layer.forward(params, ((), ()), x)
    dparams, dx = layer.backward(params, residuals, bp.Padded(numbers(y.x.shape, 2), None))
    runs = [{name: part[name].ravel() for name in part} for part in dparams]
    return {"y": y.x.ravel(), "dx": dx.x.ravel(), "runs": runs}


@pytest.mark.parametrize(
    ("given", "expected"),
    list(zip(CASES, stored(), strict=True)),
    ids=[f"{given.cell}-{given.layers}".replace(" ", "") for given in CASES],
)
def test_values_and_gradients_are_those_of_pytorch(given: Given, expected: dict[str, Any]) -> None:
    calculate = both_directions if given.layers == 1 else two_layers
    with jax.enable_x64(True):
        x = bp.Padded(jnp.asarray(numbers(SIZES, 1)), jnp.array(LENGTHS))
        found = jax.device_get(jax.jit(lambda x: calculate(given, x), compiler_options=QUICK)(x))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-9), found, _arrays(expected))


def _arrays(stored: Any) -> Any:
    """Lists of numbers as arrays."""
    if isinstance(stored, dict):
        return {name: _arrays(part) for name, part in stored.items()}
    if isinstance(stored[0], float | int):
        return np.array(stored)
    return [_arrays(part) for part in stored]
