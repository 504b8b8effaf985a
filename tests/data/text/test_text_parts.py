import pytest

from backprop_jax.data import split_text

TEXT = "0123456789" * 3


def test_the_parts_are_the_text_in_order() -> None:
    parts = split_text(TEXT, validation=0.1, test=0.2)
    assert "".join(parts) == TEXT
    assert tuple(map(len, parts)) == (21, 3, 6)
    assert tuple(map(len, split_text(TEXT[:28], validation=0.08, test=0.1))) == (23, 2, 3)  # 2.24 and 2.8, rounded


@pytest.mark.parametrize("fractions", [(0, 0.1), (0.1, 0), (0.5, 0.5), (-0.1, 0.2), (float("nan"), 0.1)])
def test_bad_fractions_are_refused(fractions: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="fractions that leave some to train on"):
        split_text(TEXT, *fractions)


@pytest.mark.parametrize("text", ["", "abcd"])
def test_a_text_too_short_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"{len(text)} characters are too few"):
        split_text(text)
