import numpy as np
import pytest

from backprop_jax.data import film_sentences
from backprop_jax.data.text.film_reviews import FILE, rated_sentences


def test_all_sentences_of_the_file() -> None:
    """Their number is in the description that comes with them; signs and extremes by awk from the original file."""
    ratings, texts = zip(*rated_sentences(), strict=True)
    assert len(texts) == 10_605
    signs = np.sign(ratings)
    assert [(signs == sign).sum() for sign in (-1, 0, 1)] == [5326, 37, 5242]
    assert (min(ratings), max(ratings)) == (-3.875, 3.94117647059)
    assert (ratings[2], texts[2]) == (-0.6, "Effective but too tepid biopic")
    assert all(text.strip() and "\n" not in text for text in texts)
    assert not any("&amp;" in text for text in texts)


def test_classes_and_parts() -> None:
    dataset = film_sentences()
    parts = (dataset.train, dataset.validation, dataset.test)
    assert dataset.class_names == ("negative", "positive")
    assert [len(part) for part in parts] == [7397, 1058, 2113]
    assert sum(int(part.y.sum()) for part in parts) == 5242
    rating = {text: rating for rating, text in rated_sentences()}
    assert all((rating[text] > 0) == y for part in parts for text, y in zip(part.texts, part.y, strict=True))


def test_the_split_depends_on_the_seed_alone() -> None:
    first, again, other = (film_sentences(seed=seed).test.texts for seed in (3, 3, 4))
    assert first == again != other


def test_fractions_that_leave_a_part_empty_are_refused() -> None:
    with pytest.raises(ValueError, match="fractions that leave some to train on"):
        film_sentences(test=1.0)


def test_the_licence_and_the_authors_are_beside_the_file() -> None:
    licence = FILE.with_name("film_sentences.LICENSE").read_text()
    assert "Copyright (c) 2016 C.J. Hutto" in licence
    assert "Permission is hereby granted, free of charge" in licence
    assert "Hutto, C.J. & Gilbert, E.E. (2014)" in licence
