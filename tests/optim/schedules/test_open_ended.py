from __future__ import annotations

import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from tests.optim.oracle import ours


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("inverse_square_root_schedule(0.0, 0.1, 0)", "warmup_steps must be above 0, got 0; the fall is measured in"),
        ("warmup_stable_decay_schedule(0, 1, -1, 5, 5)", "warmup_steps must not be negative or NaN, got -1; 0 leaves"),
        ("warmup_stable_decay_schedule(0, 1, 5, -1, 5)", "transition_begin must not be negative or NaN, got -1; it is"),
        ("warmup_stable_decay_schedule(0, 1, 5, 5, 0)", "transition_steps must be above 0, got 0; it is the number"),
        ("warmup_stable_decay_schedule(0, 1, 5, 5, 5, 0, 0)", "exponent must be above 0, got 0; 1 falls in a line"),
    ],
)
def test_wrong_fields_are_named(call: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ours(call)


def test_inverse_square_root_is_that_of_the_transformer() -> None:
    width, warmup = 512, 40
    schedule = optim.inverse_square_root_schedule(0.0, (width * warmup) ** -0.5, warmup)
    steps = np.arange(1, 200)
    paper = width**-0.5 * np.minimum(steps**-0.5, steps * warmup**-1.5)
    np.testing.assert_allclose(jax.jit(jax.vmap(schedule))(jnp.asarray(steps)), paper, rtol=1e-6)
    assert optim.inverse_square_root_schedule(0.5, 1.0, 4)(0) == 0.5


def test_warmup_stable_decay_by_hand() -> None:
    line = optim.warmup_stable_decay_schedule(0.2, 1.0, 4, 3, 4, end_value=0.2)
    values = [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.2]
    np.testing.assert_allclose(jax.vmap(line)(jnp.arange(13)), values, rtol=1e-6)
    root = optim.warmup_stable_decay_schedule(0.0, 2.0, 0, 3, 4, exponent=0.5)
    fall = [2.0 * (1 - math.sqrt(n / 4)) for n in range(5)]
    np.testing.assert_allclose(jax.vmap(root)(jnp.arange(8)), [2.0, 2.0, 2.0, *fall], atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "inverse_square_root_schedule(init_value=0.0, peak_value=0.1, warmup_steps=5)",
        "warmup_stable_decay_schedule(init_value=0.0, peak_value=0.1, warmup_steps=5, transition_begin=9, "
        "transition_steps=4, end_value=0.0, exponent=1.0)",
    ],
)
def test_they_are_values(text: str) -> None:
    schedule = ours(text)
    assert repr(schedule) == text and pickle.loads(pickle.dumps(schedule)) == schedule == ours(text)
    assert hash(schedule) == hash(ours(text))
    np.testing.assert_allclose(jax.jit(schedule)(7.5), schedule(jnp.float32(7.5)), rtol=1e-6)
