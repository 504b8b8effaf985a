"""What has no columns of curvature is refused before anything is computed."""

import jax
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.curvature import curvature_diagonal
from backprop_jax.losses import CrossEntropy
from tests.harvest.curvature.tiny import CLASSES, PARAMS, X, mlp

STATE = ((), (), ())


def test_many_samples_are_the_mean_of_single_ones() -> None:
    objective, key = bp.supervised(mlp(), CrossEntropy()), jax.random.key(0)

    @jax.jit
    def both(key: jax.Array) -> tuple:
        _, together = curvature_diagonal(objective, samples=3)(PARAMS, STATE, (X, CLASSES), key)
        one = lambda key: curvature_diagonal(objective)(PARAMS, STATE, (X, CLASSES), key)[1]
        return together, jax.tree.map(lambda leaf: leaf.mean(0), jax.vmap(one)(jax.random.split(key, 3)))

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7), *both(key))


def test_what_makes_no_sense_is_refused() -> None:
    objective = bp.supervised(mlp(), CrossEntropy())
    with pytest.raises(ValueError, match="how of 'exact', 'sampled', 'empirical', not 'guess'"):
        curvature_diagonal(objective, "guess")
    with pytest.raises(ValueError, match="samples, 1 or more, not 0"):
        curvature_diagonal(objective, samples=0)
    with pytest.raises(ValueError, match="samples, 1 or more, not True"):
        curvature_diagonal(objective, samples=True)
    curvature_diagonal(objective, samples=np.int64(2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"draws at random: call it with \(params, state, batch, key\)"):
        curvature_diagonal(objective)(PARAMS, STATE, (X, CLASSES))
    with pytest.raises(ValueError, match=r"Fisher matrix is known of .*, not of Hinge"):
        curvature_diagonal(bp.supervised(mlp(), bp.losses.Hinge()))
    with pytest.raises(ValueError, match="curvature_diagonal with how='exact' needs an objective supervised"):
        curvature_diagonal(mlp(), "exact")
    with pytest.raises(ValueError, match=r"CrossEntropy\(ignore_index=0\) divides by what counts in the whole batch"):
        curvature_diagonal(bp.supervised(mlp(), CrossEntropy(ignore_index=0)), "empirical")
    with pytest.raises(ValueError, match=r"BatchNorm.* of the whole batch"):
        curvature_diagonal(bp.supervised(bp.chain(bp.BatchNorm(), bp.Dense(2)), CrossEntropy()))
