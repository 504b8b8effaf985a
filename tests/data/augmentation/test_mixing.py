import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from backprop_jax.data.augmentation import cutmix, mixup
from tests.catalogue import normal
from tests.oracles import augmentation as oracle

BATCH = 1000
LABELS = jnp.eye(BATCH)  # every image has a class of its own, so that a mixed label tells which two were mixed


def partners(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The other image that each was mixed with (itself, if none), and the share that is its own."""
    own = np.diag(y)
    rest = y - np.diag(own)
    other = np.where(rest.max(1) > 0, rest.argmax(1), np.arange(len(y)))
    np.testing.assert_allclose(own + rest[np.arange(len(y)), other], 1, atol=1e-6)
    return other, own


@pytest.mark.parametrize("alpha", [0.3, 2.0])
def test_mixup_mixes_image_and_label_in_one_proportion_from_beta(alpha: float) -> None:
    x = normal(BATCH, 2, 3, 1)
    mixed, y = mixup(alpha)(jax.random.key(0), x, LABELS)
    other, own = partners(np.asarray(y))
    share = own[:, None, None, None]
    np.testing.assert_allclose(mixed, share * x + (1 - share) * x[other], atol=1e-5)
    used = other[other != np.arange(BATCH)]
    # Where float32 has no share left for one of the two, a partner cannot be told.
    assert len(set(used)) == len(used) and len(used) > (0.8 if alpha < 1 else 0.98) * BATCH
    assert scipy.stats.kstest(own, scipy.stats.beta(alpha, alpha).cdf).pvalue > 0.001


def test_the_label_of_cutmix_is_the_area_that_was_taken() -> None:
    x = jnp.broadcast_to(jnp.arange(float(BATCH))[:, None, None, None], (BATCH, 7, 9, 2))
    mixed, y = cutmix()(jax.random.key(1), x, LABELS)
    other, own = partners(np.asarray(y))
    mixed = np.asarray(mixed)
    assert (mixed[..., 0] == mixed[..., 1]).all()
    taken = mixed[..., 0] != np.arange(BATCH)[:, None, None]
    assert (mixed[..., 0] == np.where(taken, other[:, None, None], np.arange(BATCH)[:, None, None])).all()
    np.testing.assert_allclose(1 - own, taken.mean((1, 2)), atol=1e-6)
    assert (taken == taken.any(2)[:, :, None] & taken.any(1)[:, None, :]).all()  # each is one rectangle
    expected = oracle.cutmix_areas(np.random.default_rng(0), (7, 9), 1.0, 4000)
    assert scipy.stats.ks_2samp(taken.sum((1, 2)), expected).pvalue > 0.001


@pytest.mark.parametrize("transform", [mixup, cutmix])
def test_bad_settings_and_labels(transform) -> None:
    with pytest.raises(ValueError, match=f"{transform.__name__} needs an alpha above 0, not 0"):
        transform(0)
    with pytest.raises(ValueError, match=r"not labels int32\[4\]: put soft_labels\(classes\) before it"):
        transform()(jax.random.key(0), jnp.zeros((4, 2, 2, 1)), jnp.zeros(4, jnp.int32))
