"""What CTC's labels are drawn from is the distribution that its loss is the surprise of."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.curvature import curvature_diagonal, fisher_product
from backprop_jax.harvest.curvature.loss_roots import loss_root
from backprop_jax.losses import CTC

BATCH, STEPS, CLASSES = 2, 3, 3
Z = jax.random.normal(jax.random.key(3), (BATCH, STEPS, CLASSES))
REAL = jnp.array([[True, True, True], [True, False, True]])
SEQUENCES = [labels for count in range(STEPS + 1) for labels in product((1, 2), repeat=count)]


def test_samples_have_the_second_moment_of_all_sequences() -> None:
    """Of two logits in a row and of two about a step that is not real."""
    loss = CTC(reduction="none")
    table = jnp.array([[*labels, *(0,) * (STEPS - len(labels))] for labels in SEQUENCES])
    counts = jnp.array([len(labels) for labels in SEQUENCES])

    def moment(labels: jax.Array, count: jax.Array) -> tuple[jax.Array, jax.Array]:
        target = bp.Padded(jnp.tile(labels, (BATCH, 1)), jnp.full(BATCH, count))
        terms, _, residuals = loss.forward((), (), (bp.Padded(Z, REAL), target))
        slope = loss.backward((), residuals, jnp.ones(BATCH))[1][0].x.reshape(BATCH, -1)
        chance = jnp.where(jnp.isfinite(terms), jnp.exp(-terms), 0)
        return jnp.einsum("b,bi,bj->bij", chance, slope, slope), chance

    @jax.jit
    def run(keys: jax.Array) -> tuple[jax.Array, ...]:
        root = loss_root(CTC(), bp.Padded(Z, REAL), jnp.zeros((BATCH, 1), int))
        samples = jax.vmap(root.sample)(keys).x.reshape(len(keys), BATCH, -1)
        moments, chances = jax.vmap(moment)(table, counts)
        return jnp.sum(moments, 0), jnp.sum(chances, 0), jnp.einsum("kbi,kbj->bij", samples, samples) / len(keys)

    exact, chances, sampled = run(jax.random.split(jax.random.key(0), 5000))
    np.testing.assert_allclose(chances, 1, rtol=1e-5)  # there are no other sequences
    expected = np.asarray(exact) / BATCH  # of the mean over the examples
    np.testing.assert_allclose(sampled, expected, atol=0.07 * np.abs(expected).max())


def test_what_there_is_no_end_of_is_refused() -> None:
    objective = bp.supervised(bp.Dense(3), CTC())
    for make in (lambda: curvature_diagonal(objective, "exact"), lambda: fisher_product(objective)):
        with pytest.raises(ValueError, match=r"CTC\(\) has too many sequences of labels .*how='sampled' draws some"):
            make()
