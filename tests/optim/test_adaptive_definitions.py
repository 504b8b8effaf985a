"""The adaptive transforms in float64, step by step, against their definitions in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.oracles import adaptive_moments as twins

CASES: list[tuple[optim.Transform, Callable[[Any], list[Any]]]] = [
    (optim.scale_by_adam(), twins.adam),
    (optim.scale_by_adam(nesterov=True), twins.nadam),
    (optim.scale_by_radam(), twins.radam),
    (optim.scale_by_amsgrad(), twins.amsgrad),
    (optim.scale_by_belief(), twins.belief),
    (optim.scale_by_yogi(), twins.yogi),
    (optim.scale_by_adamax(), twins.adamax),
    (optim.scale_by_rss(), twins.adagrad),
    (optim.scale_by_rms(), twins.rmsprop),
    (optim.scale_by_rms(bias_correction=True), lambda g: twins.rmsprop(g, corrected=True)),
    (optim.scale_by_stddev(), twins.stddev),
    (optim.scale_by_stddev(eps=1e-2, bias_correction=True), lambda g: twins.stddev(g, eps=1e-2, corrected=True)),
    (optim.scale_by_adadelta(), twins.adadelta),
    (optim.scale_by_adan(), twins.adan),
    (optim.scale_by_novograd(), twins.novograd),
]


@pytest.mark.parametrize(("transform", "twin"), CASES, ids=[repr(transform) for transform, _ in CASES])
def test_eight_steps_by_definition(transform: optim.Transform, twin: Callable[[Any], list[Any]]) -> None:
    real = np.random.default_rng(0).normal(size=(8, 3, 2)) * 10.0 ** np.arange(-3, 5)[:, None, None]
    gradients = {"real": real, "wave": real.view("complex128")}
    with jax.enable_x64(True):
        params = jax.tree.map(lambda leaf: jnp.ones(leaf.shape[1:], leaf.dtype), gradients)
        state = transform.init(params)
        for step in range(8):
            gradient = jax.tree.map(lambda leaf, step=step: jnp.asarray(leaf[step]), gradients)
            updates, state = transform.update(gradient, state, params)
            for name, update in updates.items():
                assert update.dtype == gradients[name].dtype
                np.testing.assert_allclose(update, twin(gradients[name])[step], rtol=1e-10)


@pytest.mark.parametrize("transform", [transform for transform, _ in CASES], ids=repr)
def test_the_largest_count_is_only_late(transform: optim.Transform) -> None:
    largest, params = jnp.array(2**31 - 1, jnp.int32), jnp.array([1.0, -2.0])
    state = transform.init(params)
    counts = {name: largest for name in ("count", "t") if name in state._fields}
    update, state = transform.update(params, state._replace(**counts), params)
    assert jnp.all(jnp.isfinite(update)) and jnp.all(jnp.sign(update) == jnp.sign(params))
    assert all(getattr(state, name) == largest for name in counts)
