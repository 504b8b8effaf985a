import numpy as np
import pytest

from backprop_jax.data import Examples, ImageDataset

X, Y = np.zeros((3, 2, 2)), np.array([0, 1, 1])


def test_examples_have_the_dtypes_of_training() -> None:
    examples = Examples(X, Y)
    assert (examples.x.dtype, examples.y.dtype, len(examples)) == (np.float32, np.int32, 3)
    assert len(examples[1:]) == 2
    assert examples[np.array([2])].y == [1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_number_that_is_not_finite_is_named(bad: float) -> None:
    x = X.copy()
    x[1, 0, 1] = x[2, 0, 0] = bad
    with pytest.raises(ValueError, match=r"example 1 holds -?(nan|inf) at x\[1, 0, 1\]"):
        Examples(x, Y)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X, Y[:2], "3 inputs and 2 labels"),
        (X[:0], Y[:0], "no examples"),
        (X, Y.astype(float), "vector of integers, not float64"),
        (X, Y[:, None], r"vector of integers, not int64 of shape \(3, 1\)"),
    ],
)
def test_what_is_no_set_of_examples_is_refused(x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Examples(x, y)


@pytest.mark.parametrize(("label", "message"), [(2, "test example 1 has label 2"), (-1, "has label -1")])
def test_a_label_without_a_class_is_refused(label: int, message: str) -> None:
    good, bad = Examples(X, Y), Examples(X, np.array([0, label, 0]))
    with pytest.raises(ValueError, match=message):
        ImageDataset("two", ("a", "b"), good, good, bad)


def test_parts_of_different_image_shapes_are_refused() -> None:
    good, wide = Examples(X, Y), Examples(np.zeros((3, 2, 3)), Y)
    with pytest.raises(ValueError, match=r"train images have shape \(2, 2\), validation images \(2, 3\)"):
        ImageDataset("two", ("a", "b"), good, wide, good)
