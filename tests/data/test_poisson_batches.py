"""Poisson sampling against the binomial distribution."""

import numpy as np
import pytest

from backprop_jax.data import Examples, poisson_batches

EXAMPLES = Examples(np.arange(1, 201)[:, None], np.arange(1, 201))


def test_each_example_comes_by_itself() -> None:
    drawn = np.zeros((400, 200), bool)
    for step, batch in enumerate(poisson_batches(EXAMPLES, 0.1, 400, seed=0)):
        real = batch.y[batch.mask]
        np.testing.assert_array_equal(batch.x[batch.mask, 0], real)
        assert len(set(real)) == len(real) and batch.x.shape == (47, 1)  # 20 + 6 sqrt(18) + 1
        assert np.all(batch.y[~batch.mask] == 1)
        drawn[step, real - 1] = True
    # 5 standard deviations of the mean of 400, of 200, and of 80,000 draws
    np.testing.assert_allclose(drawn.mean(0), 0.1, atol=0.075)
    np.testing.assert_allclose(drawn.sum(1).mean(), 20, atol=5 * np.sqrt(18 / 400))
    np.testing.assert_allclose(drawn.sum(1).var(), 18, rtol=0.35)
    pairs = np.corrcoef(drawn[:, :20].T)[np.triu_indices(20, 1)]
    assert abs(pairs.mean()) < 0.02


def test_the_seed_decides_and_batches_may_be_empty_or_whole() -> None:
    first, again, other = (list(poisson_batches(EXAMPLES, 0.02, 5, seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a.x, b.x) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a.x, b.x) for a, b in zip(first, other, strict=True))
    (whole,) = poisson_batches(EXAMPLES, 1.0, 1, 0)
    assert whole.mask.all() and len(whole.mask) == 200
    empty = next(poisson_batches(EXAMPLES, 1e-9, 1, 0))
    assert not empty.mask.any() and len(empty.mask) >= 1


def test_bad_settings_are_refused_at_the_call() -> None:
    for rate in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="a rate above 0 and at most 1"):
            poisson_batches(EXAMPLES, rate, 1, 0)
    with pytest.raises(ValueError, match="0 steps or more, not -3"):
        poisson_batches(EXAMPLES, 0.1, -3, 0)
    for capacity in (0, -1, 2.5):
        with pytest.raises(ValueError, match=f"capacity of 1 row or more, not {capacity}"):
            poisson_batches(EXAMPLES, 0.1, 1, 0, capacity)  # pyright: ignore[reportArgumentType]
    with pytest.raises(OverflowError, match=r"drew \d+ examples at step 0, and capacity is 3"):
        next(poisson_batches(EXAMPLES, 0.5, 1, 0, capacity=3))
