from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from backprop_jax import optim


def test_the_first_step_has_no_difference() -> None:
    adan = optim.scale_by_adan(eps=0.0)
    gradient = jnp.array([5.0, -0.01])
    update, state = adan.update(gradient, adan.init(gradient))
    np.testing.assert_allclose(update, [1.0, -1.0], rtol=1e-5)
    assert state.v.tolist() == [0.0, 0.0] and state.g.tolist() == gradient.tolist() and state.t == 1


def test_differences_without_memory() -> None:
    # No averages: u = (g + d) / |g + d|, with d the difference.
    adan = optim.scale_by_adan(b1=0.0, b2=0.0, b3=0.0, eps=0.0)
    state = adan.init(jnp.zeros(()))
    for gradient, doubled in [(4.0, 4.0), (1.0, -2.0), (-3.0, -7.0)]:
        update, state = adan.update(jnp.array(gradient), state)
        np.testing.assert_allclose([update, state.n], [np.sign(doubled), doubled**2], rtol=1e-6)


def test_without_a_gradient_the_last_one_stays() -> None:
    adan = optim.scale_by_adan()
    _, state = adan.update([jnp.ones(2), jnp.ones(2)], adan.init([jnp.ones(2)] * 2))
    updates, state = adan.update([jnp.zeros(2), None], state)
    assert updates[1] is None and state.g[0].tolist() == [0.0, 0.0] and state.g[1].tolist() == [1.0, 1.0]
