import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.combinators.recurrent.steps import carry_before, choose, swap_steps, zeros_where_not

START = jnp.array([100.0, 200.0])
AFTER = jnp.arange(10.0).reshape(5, 2)
MASKS = {
    "all": np.ones((5, 2), bool),
    "lengths": np.array([[True, False], [True, False], [True, False], [False, False], [False, False]]),
    "gaps": np.array([[False, True], [True, False], [False, False], [True, True], [False, True]]),
}


def step_after_step(mask: np.ndarray, reverse: bool) -> np.ndarray:
    before = np.zeros((5, 2))
    for sequence in range(2):
        carry = START[sequence]
        for t in reversed(range(5)) if reverse else range(5):
            before[t, sequence] = carry
            carry = AFTER[t, sequence] if mask[t, sequence] else carry
    return before


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_the_carry_before_a_step_is_that_after_the_last_real_one(name: str, reverse: bool) -> None:
    mask = MASKS[name]
    before = carry_before({"h": START}, {"h": AFTER}, jnp.asarray(mask), reverse)["h"]
    np.testing.assert_array_equal(before, step_after_step(mask, reverse))
    if name == "all":
        np.testing.assert_array_equal(carry_before(START, AFTER, None, reverse), before)


@pytest.mark.parametrize("reverse", [False, True])
def test_what_stands_after_other_steps_is_not_looked_at(reverse: bool) -> None:
    mask = MASKS["gaps"]
    after = jnp.where(mask, AFTER, jnp.nan)
    before = carry_before(START, after, jnp.asarray(mask), reverse)
    np.testing.assert_array_equal(before, step_after_step(mask, reverse))


def test_no_steps() -> None:
    assert carry_before(START, AFTER[:0], None, False).shape == (0, 2)
    assert carry_before(START, AFTER[:0], jnp.zeros((0, 2), bool), True).shape == (0, 2)


def test_choosing_for_each_sequence() -> None:
    mask, real = jnp.array([True, False]), {"h": jnp.ones((2, 3)), "n": jnp.array([5, 6])}
    chosen = choose(mask, real, {"h": jnp.full((2, 3), jnp.nan), "n": jnp.array([7, 8])})
    assert chosen["n"].tolist() == [5, 8]
    assert np.isnan(chosen["h"]).all(1).tolist() == [False, True]
    assert zeros_where_not(~mask, real)["h"].tolist() == [[0] * 3, [1] * 3]
    assert choose(None, real, None) is real and zeros_where_not(None, real) is real


def test_steps_in_front() -> None:
    x = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(swap_steps({"x": x})["x"][1], x[:, 1])
