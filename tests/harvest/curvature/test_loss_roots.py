"""A root of the loss's Hessian: the columns' squares are jax.hessian's, and a sample's second moment is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.curvature.loss_roots import loss_root
from backprop_jax.losses import BinaryCrossEntropy, CrossEntropy, MeanSquaredError

RANDOM = np.random.default_rng(0)
Z = RANDOM.standard_normal((2, 2, 3)).astype(np.float32)
YES_NO = RANDOM.integers(0, 2, (2, 2, 3)).astype(np.float32)
LABELS = np.array([[0, 2], [1, 1]])
SOFT = np.full((2, 2, 3), [0.2, 0.3, 0.5], np.float32)


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (MeanSquaredError(), YES_NO),
        (BinaryCrossEntropy(0.1, pos_weight=3.0, reduction="sum"), YES_NO),
        (CrossEntropy(0.1, class_weights=(1.0, 2.0, 0.5), ignore_index=0), LABELS),
        (CrossEntropy(reduction="none"), LABELS),
        (CrossEntropy(), SOFT),
    ],
    ids=str,
)
def test_is_a_root(loss: bp.Layer, target: np.ndarray) -> None:
    def mean(z: jax.Array) -> jax.Array:
        value = loss.forward((), (), (z, target))[0]
        return value if value.ndim == 0 else jnp.sum(value) / len(z)

    @jax.jit
    def both(z: jax.Array) -> tuple[jax.Array, ...]:
        root = loss_root(loss, z, jnp.asarray(target))
        columns = jax.vmap(root.column)(jnp.arange(root.columns))
        samples = jax.vmap(root.sample)(jax.random.split(jax.random.key(0), 5000))
        products = [jnp.einsum("kbi,kbj->bij", *[rows.reshape(len(rows), 2, -1)] * 2) for rows in (columns, samples)]
        full = jax.hessian(mean)(z).reshape(2, 6, 2, 6)
        return full[0, :, 0], full[1, :, 1], full[0, :, 1], *products

    first, second, between, exact, sampled = both(Z)
    expected = np.stack([first, second])
    np.testing.assert_array_equal(between, 0)  # no example's loss depends on another's prediction
    np.testing.assert_allclose(exact, expected, atol=1e-6)
    # 5,000 samples of a variance of about the square: 0.014 of the largest entry is one standard deviation
    np.testing.assert_allclose(sampled / 5000, expected, atol=0.07 * np.abs(expected).max())
