"""Steps are left out where the loss is far above those before."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim


def test_the_mean_and_the_variance_are_those_of_the_weighted_losses() -> None:
    optimizer = optim.skip_loss_spikes(optim.scale(2.0), decay=0.9)
    losses = np.random.default_rng(0).normal(3, 1, 12)
    update = jax.jit(lambda state, value: optimizer.update(jnp.ones(2), state, value=value)[1])
    state = optimizer.init(jnp.ones(2))
    for loss in losses:
        state = update(state, loss)
    weights = 0.9 ** np.arange(12)[::-1]
    mean = np.average(losses, weights=weights)
    assert float(state.mean) == pytest.approx(mean, rel=1e-5)
    assert float(state.variance) == pytest.approx(np.average((losses - mean) ** 2, weights=weights), rel=1e-5)


def test_a_spike_leaves_everything_as_it_was_until_it_lasts() -> None:
    optimizer = optim.skip_loss_spikes(optim.adam(0.1), threshold=3.0, warmup=4, max_consecutive_skips=2)
    update = jax.jit(lambda state, value: optimizer.update(jnp.ones(2), state, jnp.ones(2), value=value))
    state, applied, counts = optimizer.init(jnp.ones(2)), [], []
    # The fourth is judged by nobody; five, not a number, and minus nine are left out, left out, and taken.
    for loss in (1.0, 2.0, 1.0, 9.0, 2.0, 1.0, 2.0, 99.0, np.nan, -9.0, 99.0, 99.0, 99.0, 99.0):
        updates, new = update(state, loss)
        applied.append(bool(updates.any()))
        kept = jax.tree.all(jax.tree.map(jnp.array_equal, new.inner_state, state.inner_state))
        assert applied[-1] != kept
        state = new
        counts.append((int(state.in_a_row), int(state.in_all)))
    assert applied == [True] * 7 + [False, False, True, False, False, True, True]
    assert counts[7:] == [(1, 1), (2, 2), (0, 2), (1, 3), (2, 4), (0, 4), (0, 4)]


def test_bad_input_is_refused() -> None:
    with pytest.raises(TypeError, match="no transform"):
        optim.skip_loss_spikes(optim.sgd)
    for name in ("threshold", "decay", "warmup", "max_consecutive_skips"):
        with pytest.raises(ValueError, match=name):
            optim.skip_loss_spikes(optim.sgd(0.1), **{name: -1})
    optimizer = optim.skip_loss_spikes(optim.sgd(0.1))
    with pytest.raises(ValueError, match="value=loss"):
        optimizer.update(jnp.ones(2), optimizer.init(jnp.ones(2)))
