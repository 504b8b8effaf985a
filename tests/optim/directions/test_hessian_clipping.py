from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optax.contrib import _sophia

from backprop_jax import optim
from tests.optim.oracle import rejects_update


class Given:
    """A transform that takes the diagonal from the keyword argument of that name."""

    init = staticmethod(lambda params: optim.EmptyState())
    update = staticmethod(lambda updates, state, params, diagonal: (diagonal, state))


def run(transform: Any, gradients: list[Any], diagonals: list[Any]) -> tuple[list[Any], Any]:
    state, history = transform.init(gradients[0]), []
    for gradient, diagonal in zip(gradients, diagonals, strict=True):
        updates, state = transform.update(gradient, state, gradient, diagonal=diagonal)
        history.append(updates)
    return history, state


def test_steps_by_hand() -> None:
    transform = optim.scale_by_sophia(0.0, 0.5, 0.1, 2.0, 1.5, 2, Given())
    gradients = [jnp.array([0.3, -0.1])] * 4
    diagonals = [jnp.array([1.0, -5.0]), None, jnp.array([3.0, -5.0]), None]
    history, state = run(transform, gradients, diagonals)
    np.testing.assert_allclose(history[0], [1.5, -1.0], rtol=1e-6)  # over eps = 0.1, and clipped
    np.testing.assert_allclose(history[1], [0.3, -1.0], rtol=1e-6)  # over 2 * 0.5; a negative curvature gives eps
    np.testing.assert_allclose(history[2], history[1], rtol=1e-6)  # the Hessian counts from the next step on
    np.testing.assert_allclose(history[3], [0.3 / 3.5, -1.0], rtol=1e-6)  # over 2 * (0.5 * 0.5 + 0.5 * 3)
    np.testing.assert_allclose(state.nu, [1.75, -3.75])


def test_a_leaf_without_an_update() -> None:
    transform, params = optim.scale_by_sophia(), {"a": jnp.ones(2), "b": jnp.ones(1)}
    square = lambda params: sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))
    updates, state = transform.update({"a": jnp.ones(2), "b": None}, transform.init(params), params, obj_fn=square)
    assert updates["b"] is None and jnp.all(state.mu["b"] == 0) and jnp.all(updates["a"] == 1)


@pytest.mark.parametrize(("interval", "lines"), [(0, 0), (2, 2)])
def test_win_rate(interval: int, lines: int, capfd: Any) -> None:
    transform = optim.scale_by_sophia(
        eps=1.0, hessian_diagonal_fn=Given(), verbose=True, print_win_rate_every_n_steps=interval
    )
    run(transform, [jnp.array([0.3, 2.0, 0.1, 0.0])] * 4, [jnp.zeros(4)] * 4)
    jax.effects_barrier()
    assert capfd.readouterr().out == "scale_by_sophia: win_rate=0.75\n" * lines


def test_signature_is_that_of_optax() -> None:
    mine, other = (inspect.signature(f).parameters.values() for f in (optim.scale_by_sophia, _sophia.scale_by_sophia))
    comparable = lambda p: (p.name, p.kind, None if p.name == "hessian_diagonal_fn" else p.default)
    assert list(map(comparable, mine)) == list(map(comparable, other))


def test_wrong_calls_are_named() -> None:
    for wrong, message in [
        ({"b1": 1.0}, r"b1 must be in \[0, 1\), got 1.0"),
        ({"clip_threshold": 0.0}, "clip_threshold must be above 0, got 0.0"),
        ({"update_interval": 0}, "update_interval must be above 0, got 0"),
    ]:
        with pytest.raises(ValueError, match=f"scale_by_sophia: {message}"):
            optim.scale_by_sophia(**wrong)
    with pytest.raises(TypeError, match=r"hessian_diagonal_fn is .*, which is no transform"):
        optim.sophia(0.1, hessian_diagonal_fn=optim.hutchinson_estimator_diag_hessian)
    transform, params = optim.scale_by_sophia(), jnp.ones(2)
    assert "needs the parameters" in rejects_update(transform, params, transform.init(params))
    with pytest.raises(TypeError, match="hutchinson_estimator_diag_hessian: update needs obj_fn"):
        transform.update(params, transform.init(params), params)
