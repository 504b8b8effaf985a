import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import initializers

SHAPE = (400, 300)
# Standard deviations by the papers' formulas, for fan_in 400 and fan_out 300.
DEVIATIONS = [
    (initializers.normal(0.05), 0.05),
    (initializers.glorot_uniform(), np.sqrt(2 / 700)),
    (initializers.glorot_normal(), np.sqrt(2 / 700)),
    (initializers.he_uniform(), np.sqrt(2 / 400)),
    (initializers.he_normal(), np.sqrt(2 / 400)),
    (initializers.lecun_uniform(), np.sqrt(1 / 400)),
    (initializers.lecun_normal(), np.sqrt(1 / 400)),
    (initializers.truncated_normal(0.1), 0.1 * 0.8796),
    (initializers.variance_scaling(3.0, "fan_out", "normal"), np.sqrt(3 / 300)),
]


@pytest.mark.parametrize(("initializer", "deviation"), DEVIATIONS, ids=repr)
def test_standard_deviation(initializer, deviation: float) -> None:
    drawn = initializer(jax.random.key(0), SHAPE, jnp.float32)
    assert np.std(drawn) == pytest.approx(deviation, rel=0.01)
    assert abs(np.mean(drawn)) < 0.01 * deviation


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (20, 20), (1, 1), (5, 6, 20)])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...]) -> None:
    w = np.asarray(initializers.orthogonal(2.0)(jax.random.key(0), shape)).reshape(-1, shape[-1])
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(product, 4 * np.eye(min(w.shape)), atol=1e-5)


def test_orthogonal_needs_a_matrix() -> None:
    with pytest.raises(ValueError, match=r"at least 2 axes, none of them 0, not \(3,\)"):
        initializers.orthogonal()(jax.random.key(0), (3,))


def test_constants() -> None:
    assert not initializers.zeros()(jax.random.key(0), (3,)).any()
    assert (initializers.constant(2.5)(jax.random.key(0), (3,), jnp.bfloat16) == 2.5).all()


def test_they_are_values() -> None:
    assert initializers.he_normal() == initializers.he_normal() and hash(initializers.zeros()) == hash(
        initializers.zeros()
    )
    assert "scale=2.0" in repr(initializers.he_normal())
