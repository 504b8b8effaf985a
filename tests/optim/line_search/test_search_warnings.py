from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from backprop_jax import optim
from backprop_jax.optim.line_search import search_warnings


def search(transform: Any, function: Any, point: float, direction: float) -> float:
    params, updates = jnp.asarray(point), jnp.asarray(direction)
    value, grad = jax.value_and_grad(function)(params)
    _, state = transform.update(updates, transform.init(params), params, value=value, grad=grad, value_fn=function)
    jax.effects_barrier()
    return float(state.learning_rate)


@pytest.mark.parametrize(
    ("transform", "function", "point", "direction", "reasons"),
    [
        (optim.scale_by_zoom_linesearch(18, verbose=True), jnp.square, 60.0, 1.0, ["NOT_A_DESCENT_DIRECTION"]),
        (
            optim.scale_by_zoom_linesearch(10, 10.0, curv_rtol=0.5, verbose=True),
            jnp.square,
            -60.0,
            1.0,
            ["INTERVAL_NOT_FOUND", "CURVATURE_COND_NOT_SATISFIED"],
        ),
        (
            optim.scale_by_zoom_linesearch(3, curv_rtol=0.1, verbose=True),
            jnp.square,
            -60.0,
            1.0,
            ["CURVATURE_COND_NOT_SATISFIED"],
        ),
        (optim.scale_by_zoom_linesearch(2, verbose=True), jnp.log, 1.0, -9.0, ["NO_STEPSIZE_FOUND", "STUCK"]),
        (optim.scale_by_backtracking_linesearch(2, verbose=True), jnp.log, 1.0, -9.0, ["NO_STEPSIZE_FOUND", "STUCK"]),
        (optim.scale_by_zoom_linesearch(20, verbose=True), jnp.square, 1.0, -1.0, []),
        (optim.scale_by_backtracking_linesearch(20, verbose=True), jnp.square, 1.0, -1.0, []),
    ],
)
def test_says_why_a_search_failed(
    transform: Any, function: Any, point: float, direction: float, reasons: list[str], capfd: Any
) -> None:
    stepsize = search(transform, function, point, direction)
    printed = capfd.readouterr().out
    for reason in reasons:
        assert getattr(search_warnings, reason) in printed
    assert bool(printed) == bool(reasons)
    assert (stepsize == 0) == ("STUCK" in reasons)
