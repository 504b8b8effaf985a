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


def test_orthogonal_columns() -> None:
    w = np.asarray(initializers.orthogonal(2.0)(jax.random.key(0), (30, 20)))
    np.testing.assert_allclose(w.T @ w, 4 * np.eye(20), atol=1e-5)
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
