"""The statistics are those that NumPy counts."""

import jax
import jax.numpy as jnp
import numpy as np

from backprop_jax.harvest.diagnosis import EDGES
from backprop_jax.harvest.diagnosis.flow import _folded, _reduced, statistics


def expected(arrays: list[np.ndarray]) -> dict:
    """By loops over places and bins."""
    flat = np.concatenate([array.ravel() for array in arrays]).astype(np.float64)
    columns = [column for array in arrays for column in array.reshape(-1, array.shape[-1] if array.ndim else 1).T]
    low, high = [0.0, *EDGES], [*EDGES, np.inf]
    inside = [np.sum((np.abs(flat) >= a) & (np.abs(flat) < b)) for a, b in zip(low, high, strict=True)]
    inside[-1] += np.sum(np.isinf(flat))
    return {
        "values": flat.size,
        "norm": np.sqrt(np.sum(flat**2)),
        "largest": np.max(np.abs(flat)),
        "dead": np.mean([not column.any() for column in columns]),
        "not_finite": np.sum(~np.isfinite(flat)),
        "histogram": np.array(inside) / flat.size,
    }


def test_are_those_that_numpy_counts() -> None:
    random = np.random.default_rng(0)
    x = (random.standard_normal((3, 5, 8)) * 10.0 ** random.integers(-14, 9, (3, 5, 8))).astype(np.float32)
    x[..., [2, 7]] = 0
    broken = x.copy()
    broken[0, 1, :3], broken[2, 0, 4] = (np.nan, np.inf, -np.inf), np.nan
    half = x.astype(jnp.bfloat16)
    jitted = jax.jit(statistics, static_argnums=1)
    for tree in (x, broken, half, np.float32(3), (x, {"other": broken[0], "count": np.arange(3)})):
        told = jitted(tree, None)
        arrays = [leaf for leaf in jax.tree.leaves(tree) if leaf.dtype != np.int64]
        for name, value in expected(arrays).items():
            np.testing.assert_allclose(getattr(told, name), value, 1e-5, err_msg=name)
        assert {field.dtype for field in told} == {np.dtype(np.float32)}
    np.testing.assert_allclose(jitted(x, None).rms, np.sqrt(np.mean(x.astype(np.float64) ** 2)), 1e-5)


def test_of_any_number_of_rows_and_by_both_ways() -> None:
    """The second is that of a GPU. Many columns, for XLA's largest of many on a CPU passes over a NaN."""
    random = np.random.default_rng(1)
    for rows in (1, 2, 7, 8, 9, 15, 127, 130):
        x = random.standard_normal((rows, 1024)).astype(np.float32)
        x[:, 5] = 0
        if rows > 8:
            x[3, 7], x[rows - 1, 9], x[0, 600] = np.nan, -np.inf, np.inf
        told = jax.jit(statistics)(x)
        for name, value in expected([x]).items():
            np.testing.assert_allclose(getattr(told, name), value, 1e-4, err_msg=f"{name} of {rows}")
        for ours in (_folded(x), _reduced(x)):
            numbers = ~np.isnan(x).any(0)
            np.testing.assert_allclose(ours.largest[numbers], np.abs(x).max(0)[numbers], 1e-6)
            np.testing.assert_allclose(ours.squares, np.sum(x.astype(np.float64) ** 2, 0), 1e-5)
            assert ours.not_finite == np.sum(~np.isfinite(x))


def test_of_nothing_are_zero() -> None:
    for tree in ((), np.arange(3), np.zeros((0, 4), np.float32)):
        assert not any(np.any(field) for field in statistics(tree))


def test_a_sample_is_of_all_units() -> None:
    x = np.zeros((64, 96), np.float32)
    x[:, 7] = 1
    share = float(statistics(x, sample=600).histogram[np.searchsorted(EDGES, 1, side="right")])
    assert abs(share - 1 / 96) < 0.005
