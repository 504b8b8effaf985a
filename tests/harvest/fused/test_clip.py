"""Clipping by the norm of a gradient that is never whole, against optax's of the whole one."""

import jax
import numpy as np
import optax
import pytest

import backprop_jax as bp
from backprop_jax import optim
from backprop_jax.harvest import PreviousNorm, TwoPasses, fused_update
from tests.harvest.fused.models import BATCHES, OBJECTIVE, assert_steps_equal


def test_two_passes_clip_exactly() -> None:
    inner = optax.sgd(0.5, momentum=0.9)
    clipped = optax.chain(optax.clip_by_global_norm(0.3), inner)
    assert_steps_equal(OBJECTIVE, fused_update(OBJECTIVE, inner, TwoPasses(0.3)), clipped)


def test_the_previous_norm_clips_the_next_step() -> None:
    params, state = OBJECTIVE.init(jax.random.key(0), BATCHES[0])
    step = fused_update(OBJECTIVE, optim.sgd(1.0), PreviousNorm(0.01))
    training, gradient_of = step.start(params, state), jax.jit(bp.value_and_grad(OBJECTIVE))
    norm = np.inf
    for number, batch in enumerate(BATCHES):
        before, own_state = step.finish(training)
        _, gradient = gradient_of(before, own_state, batch)
        factor = min(1.0, 0.01 / norm) if number else 1.0
        training, _ = step(training, batch)
        after, _ = step.finish(training)
        jax.tree.map(
            lambda a, b, g, factor=factor: np.testing.assert_allclose(a, b - factor * g, rtol=1e-4, atol=1e-6),
            after, before, gradient,
        )  # fmt: skip
        norm = optim.global_norm(gradient)
        assert norm > 0.01


def test_a_limit_of_nothing_and_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="max_norm above 0, not 0"):
        fused_update(OBJECTIVE, optim.sgd(0.1), PreviousNorm(0))
    with pytest.raises(TypeError, match=r"PreviousNorm\(...\), TwoPasses\(...\) or None to clip, not 1.0"):
        fused_update(OBJECTIVE, optim.sgd(0.1), 1.0)  # type: ignore[arg-type]
