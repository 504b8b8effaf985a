import importlib.util
import sys
from types import SimpleNamespace

import pytest

from backprop_jax.data import number_phrases, number_translations, split_parallel

with_num2words = pytest.mark.skipif(importlib.util.find_spec("num2words") is None, reason="num2words is not installed")


@pytest.fixture
def in_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package in the place of num2words, whose words are the language and the digits."""
    words = lambda number, lang: f"{lang} {number}"
    package = SimpleNamespace(CONVERTER_CLASSES={"en": 0, "fr": 0, "de": 0}, num2words=words)
    monkeypatch.setitem(sys.modules, "num2words", package)


@with_num2words
def test_the_words_of_the_real_package() -> None:
    assert number_phrases([0, 80, 4321], "fr") == ("zéro", "quatre-vingts", "quatre mille trois cent vingt et un")
    assert number_phrases([4321]) == ("four thousand, three hundred and twenty-one",)
    with pytest.raises(ValueError, match=r"no language 'frog', but am, .* fr, fr_BE"):
        number_phrases([1], "frog")


@with_num2words
def test_different_numbers_have_different_words() -> None:
    text = number_translations(300, 300)
    assert len(set(text.sources)) == len(set(text.targets)) == 300


@pytest.mark.usefixtures("in_digits")
def test_pairs_are_of_one_number_each_once() -> None:
    text = number_translations(500, 600, "de", "fr", seed=1)
    numbers = [source.removeprefix("de ") for source in text.sources]
    assert text.targets == tuple(f"fr {number}" for number in numbers)
    assert len({int(number) for number in numbers} & set(range(600))) == 500
    again, other = (number_translations(500, 600, "de", "fr", seed) for seed in (1, 2))
    assert again == text != other
    parts = split_parallel(text)
    assert sum(map(len, parts)) == len({source for part in parts for source in part.sources}) == 500


@pytest.mark.usefixtures("in_digits")
@pytest.mark.parametrize(("count", "limit"), [(11, 10), (0, 10), (1, 0)])
def test_more_numbers_than_there_are_are_refused(count: int, limit: int) -> None:
    with pytest.raises(ValueError, match=f"{count} different numbers cannot be drawn from the {limit} below {limit}"):
        number_translations(count, limit)


@pytest.mark.usefixtures("in_digits")
def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="no language 'xx', but de, en, fr"):
        number_translations(5, 10, target="xx")


def test_a_missing_num2words_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "num2words", None)
    with pytest.raises(ModuleNotFoundError, match=r"num2words.*pip install 'backprop-jax\[translation\]'"):
        number_phrases([1])
