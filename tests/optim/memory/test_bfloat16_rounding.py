from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim, testing
from backprop_jax.optim.memory.bfloat16_rounding import round_at_random
from tests.optim.oracle import rejects_update, train

ALL_BITS = np.arange(2**16, dtype=np.uint32)
ROUND = jax.jit(round_at_random)
LARGEST = float(jnp.finfo(jnp.bfloat16).max)


def every_outcome(x: float | np.ndarray) -> np.ndarray:
    """What `x` becomes by each of the 65,536 draws, which are equally likely."""
    return np.asarray(ROUND(np.full(ALL_BITS.shape, x, np.float32), ALL_BITS)).astype(np.float64)


@pytest.mark.parametrize("x", [1.001, -1.001, 0.3, 255.9, -3e38, 1.2345e-38, 3e-40, -1e-45, 1 + 2**-7 - 2**-23])
def test_the_mean_is_the_number_and_only_its_neighbours_occur(x: float) -> None:
    exact = float(np.float32(x))
    outcomes = every_outcome(x)
    assert outcomes.mean() == exact
    below, above = np.unique(outcomes)
    assert below < exact < above
    # Nothing between them has sixteen bits: as integers their words are neighbours.
    words = np.array([below, above], np.float32).view(np.uint32) >> 16
    assert abs(int(words[0]) - int(words[1])) == 1 or 0.0 in (below, above)


@pytest.mark.parametrize("x", [0.0, -0.0, 1.0, -2.5, LARGEST, -LARGEST, 2.0**-133, np.inf, -np.inf, np.nan])
def test_what_bfloat16_has_stays(x: float) -> None:
    np.testing.assert_array_equal(every_outcome(x), x)
    assert (np.signbit(every_outcome(x)) == np.signbit(x)).all() or np.isnan(x)


def test_beyond_the_largest_number_is_the_largest() -> None:
    np.testing.assert_array_equal(every_outcome(3.4e38), LARGEST)
    np.testing.assert_array_equal(every_outcome(-3.4e38), -LARGEST)
    assert np.isnan(every_outcome(np.array(0x7F800001, np.uint32).view(np.float32))).all()


def test_the_sum_of_tiny_updates_arrives() -> None:
    """100 steps of 1e-3: of a step of bfloat16, 1/256 below 1, a quarter. To the nearest, all are lost."""
    params, gradients = jnp.ones(1024, jnp.bfloat16), jnp.ones((100, 1024), jnp.bfloat16)
    assert (optim.apply_updates(params, -1e-3 * gradients[0]) == 1).all()
    trained, _, _ = train(optim.stochastic_rounding(optim.sgd(1e-3), key=0), params, gradients)
    values = np.asarray(trained, np.float64)
    # Each step adds a variance of p (1 - p) / 256^2 with p = 0.256, and the mean of 1,024 has a 32nd of the deviation.
    assert values.std() == pytest.approx(np.sqrt(100 * 0.256 * 0.744) / 256, rel=0.1)
    assert values.mean() == pytest.approx(0.9, abs=4 * values.std() / 32)


def test_a_step_that_ends_far_below_where_it_began_keeps_its_mean() -> None:
    """From 1 to 0.0123: the difference has more digits than an update in bfloat16."""
    params, gradients = jnp.ones(4096, jnp.bfloat16), jnp.full((1, 4096), 0.9877, jnp.bfloat16)
    expected = 1 - float(gradients[0, 0])
    trained, _, _ = train(optim.stochastic_rounding(optim.sgd(1.0), key=3), params, gradients)
    values = np.asarray(trained, np.float64)
    assert values.mean() == pytest.approx(expected, abs=4 * 2.0**-8 / 2 / 64)


def test_it_is_a_transform_that_leaves_float32_alone() -> None:
    params = {"w": jnp.linspace(-1, 1, 6, dtype=jnp.bfloat16).reshape(2, 3), "b": [jnp.ones(3), None]}
    optimizer = optim.stochastic_rounding(optim.sgd(0.01, momentum=0.9), key=0)
    testing.check_transform(optimizer, params, steps=2)
    state = optimizer.init(params)
    assert {leaf.dtype for leaf in jax.tree.leaves(state.inner_state[0].trace)} == {jnp.dtype("float32")}
    update = jax.jit(optimizer.update)
    updates, after = update(params, state, params)
    assert not jnp.array_equal(*jax.tree.map(jax.random.key_data, (after.rng_key, state.rng_key)))
    np.testing.assert_allclose(updates["b"][0], np.full(3, -0.01), rtol=1e-6)
    # Equal leaves are rounded by draws of their own.
    twins = dict.fromkeys("ab", jnp.full(64, 0.3, jnp.bfloat16))
    updates, _ = optimizer.update(twins, optimizer.init(twins), twins)
    assert (updates["a"] != updates["b"]).any()
    updates, _ = optimizer.update({"a": None, "b": twins["b"]}, optimizer.init(twins), twins)
    assert updates["a"] is None


def test_bad_input_is_refused() -> None:
    with pytest.raises(TypeError, match="stochastic_rounding: the optimizer is"):
        optim.stochastic_rounding(optim.sgd, key=0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="key must be a seed"):
        optim.stochastic_rounding(optim.sgd(0.1), key=0.5)
    optimizer = optim.stochastic_rounding(optim.sgd(0.1), key=0)
    with pytest.raises(ValueError, match=r"\['h'\] is float16.*master_weights"):
        optimizer.init({"h": jnp.ones(2, jnp.float16)})
    params = jnp.ones(2, jnp.bfloat16)
    assert "update needs the parameters" in rejects_update(optimizer, params, optimizer.init(params))
