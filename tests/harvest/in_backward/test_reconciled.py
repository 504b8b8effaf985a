"""Several losses, one gradient: against the paper's algorithm in NumPy, for every order that it may draw."""

from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax import losses
from backprop_jax.harvest import pcgrad, reconciled_value_and_grad
from tests.harvest.in_backward.small import BATCH, MODEL


def test_pcgrad_is_the_papers_algorithm() -> None:
    rows = np.random.default_rng(1).standard_normal((3, 5))
    assert (np.triu(rows @ rows.T, 1) < 0).any()

    def reconciled(orders) -> np.ndarray:
        total = np.zeros(5)
        for i, order in enumerate(orders):
            own = rows[i].copy()
            for j in order:
                if j != i and own @ rows[j] < 0:
                    own -= own @ rows[j] / (rows[j] @ rows[j]) * rows[j]
            total += own
        return total

    possible = [
        reconciled((a, b, c))
        for a in permutations(range(3))
        for b in permutations(range(3))
        for c in permutations(range(3))
    ]
    for seed in range(5):
        gradients = [{"a": jnp.asarray(row[:2]), "b": jnp.asarray(row[2:])} for row in rows]
        found = jax.jit(pcgrad)(gradients, jax.random.key(seed))
        flat = np.concatenate([found["a"], found["b"]])
        assert min(np.abs(flat - one).max() for one in possible) < 1e-5


def test_several_losses_of_one_model(begun) -> None:
    objectives = [
        bp.supervised(MODEL, losses.CrossEntropy()),
        bp.supervised(MODEL, losses.CrossEntropy(label_smoothing=0.5)),
    ]
    (values, _), found = jax.jit(reconciled_value_and_grad(objectives))(*begun, BATCH, jax.random.key(0))
    each = [jax.jit(bp.value_and_grad(objective))(*begun, BATCH) for objective in objectives]
    np.testing.assert_allclose(values, [one[0][0] for one in each], rtol=1e-6)
    expected = pcgrad([one[1] for one in each], jax.random.key(0))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), found, expected)


def test_no_gradient_is_refused() -> None:
    with pytest.raises(ValueError, match="one gradient or more"):
        pcgrad([], jax.random.key(0))
    with pytest.raises(ValueError, match="one objective or more"):
        reconciled_value_and_grad([])
