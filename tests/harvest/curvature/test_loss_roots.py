"""A root of the loss's Hessian: the columns' squares are jax.hessian's, and a sample's second moment is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import backprop_jax as bp
from backprop_jax.harvest.curvature.loss_roots import loss_root
from backprop_jax.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    KLDivergence,
    MeanAbsoluteError,
    MeanSquaredError,
)

RANDOM = np.random.default_rng(0)
Z = RANDOM.standard_normal((2, 2, 3)).astype(np.float32)
YES_NO = RANDOM.integers(0, 2, (2, 2, 3)).astype(np.float32)
LABELS = np.array([[0, 2], [1, 1]])
TANGENT = RANDOM.standard_normal((2, 2, 3)).astype(np.float32)
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
        return full[0, :, 0], full[1, :, 1], full[0, :, 1], root.product(TANGENT).reshape(2, 6), *products

    first, second, between, product, exact, sampled = both(Z)
    expected = np.stack([first, second])
    np.testing.assert_allclose(product, np.einsum("bij,bj->bi", expected, TANGENT.reshape(2, 6)), atol=1e-6)
    np.testing.assert_array_equal(between, 0)  # no example's loss depends on another's prediction
    np.testing.assert_allclose(exact, expected, atol=1e-6)
    # 5,000 samples of a variance of about the square: 0.014 of the largest entry is one standard deviation
    np.testing.assert_allclose(sampled / 5000, expected, atol=0.07 * np.abs(expected).max())


def test_of_what_is_no_likelihood_of_natural_parameters() -> None:
    """The second moment of the slope under the density that the loss is the surprise of, by a sum over a fine grid."""
    e = np.linspace(-60, 60, 600_000)
    absolute = np.sum(np.sign(e) ** 2 * np.exp(-np.abs(e))) / np.sum(np.exp(-np.abs(e)))
    huber = np.where(np.abs(e) < 0.7, e**2 / 2, 0.7 * (np.abs(e) - 0.35))
    squared = np.sum(np.clip(e, -0.7, 0.7) ** 2 * np.exp(-huber)) / np.sum(np.exp(-huber))
    log_q = np.log(SOFT)
    cases = [
        (MeanAbsoluteError(), Z, np.full(Z.shape, absolute / 12)),
        (Huber(0.7, reduction="none"), Z, np.full(Z.shape, squared / 2)),
        (KLDivergence(), log_q, SOFT / 4),  # a class v has the slope -e_v, and the chance q_v
    ]
    for loss, z, expected in cases:
        root = loss_root(loss, jnp.asarray(z), jnp.asarray(SOFT))
        np.testing.assert_allclose(root.product(jnp.ones(z.shape)), expected, rtol=1e-5, err_msg=str(loss))
