import numpy as np
import pytest

from backprop_jax.data import TextDataset, TextExamples

EXAMPLES = TextExamples(("a", "b", "c"), np.array([0, 1, 0]))


def test_rows_are_chosen_by_slices_and_arrays() -> None:
    for rows in (slice(1, None), np.array([1, 2]), np.array([False, True, True])):
        assert EXAMPLES[rows].texts == ("b", "c")
        assert EXAMPLES[rows].y.tolist() == [1, 0]
    assert (len(EXAMPLES), EXAMPLES.y.dtype) == (3, np.int32)


@pytest.mark.parametrize(
    ("texts", "y", "message"),
    [
        (("a",), [0, 1], "1 texts and 2 labels"),
        ((), [], "there are no examples"),
        (("a",), [0.5], "a vector of integers, not float64"),
        (("a",), [[0]], r"of shape \(1, 1\)"),
    ],
)
def test_bad_examples_are_refused(texts: tuple[str, ...], y: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextExamples(texts, np.array(y))


@pytest.mark.parametrize("label", [2, -1])
def test_a_label_without_a_class_name_is_named(label: int) -> None:
    bad = TextExamples(("a", "b"), np.array([0, label]))
    with pytest.raises(ValueError, match=f"small: test example 1 has label {label}, outside 0 to 1"):
        TextDataset("small", ("no", "yes"), EXAMPLES, EXAMPLES, bad)
    assert TextDataset("small", ("no", "yes"), EXAMPLES, EXAMPLES, EXAMPLES).classes == 2
