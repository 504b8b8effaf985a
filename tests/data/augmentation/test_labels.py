import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax.data.augmentation import soft_labels

KEY, X = jax.random.key(0), jnp.zeros((3, 2, 2, 1))


def test_a_share_of_each_label_is_spread_evenly() -> None:
    x, y = soft_labels(4, smoothing=0.2)(KEY, X, jnp.array([2, 0, 3]))
    np.testing.assert_allclose(y, [[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05], [0.05, 0.05, 0.05, 0.85]])
    np.testing.assert_array_equal(x, X)
    _, y = soft_labels(2, smoothing=0.5)(KEY, X[:1], jnp.array([[0.9, 0.1]]))
    np.testing.assert_allclose(y, [[0.7, 0.3]])


def test_without_smoothing_all_of_it_stays() -> None:
    assert soft_labels(3)(KEY, X, jnp.array([2, 0, 1], jnp.int8))[1].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_a_label_without_a_class_is_no_distribution() -> None:
    _, y = soft_labels(3)(KEY, X, jnp.array([3, -1, 1]))
    assert jnp.isnan(y[:2]).all() and y[2].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: soft_labels(0), "number of classes, 1 or more, not 0"),
        (lambda: soft_labels(True), "number of classes, 1 or more, not True"),
        (lambda: soft_labels(3, 1.0), "smoothing of 0 or more and less than 1, not 1.0"),
        (lambda: soft_labels(3)(KEY, X, jnp.ones((3, 4))), r"shape \(batch, 3\), not float32\[3, 4\]"),
        (lambda: soft_labels(3)(KEY, X, jnp.ones(3)), r"not float32\[3\]"),
    ],
)
def test_bad_settings_and_labels(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_number_of_classes_from_numpy_is_an_int() -> None:
    assert repr(soft_labels(np.int64(3))) == "soft_labels(classes=3, smoothing=0.0)"  # type: ignore[arg-type]
