import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from backprop_jax.data import BytePairVocabulary, python_docs

with_tokenizers = pytest.mark.skipif(
    importlib.util.find_spec("tokenizers") is None, reason="tokenizers is not installed"
)
STRANGE = ["", " ", "  a\t\n", "\x00é🙂\r\n", "e\u0301 <s>", "don't", "中文"]


@pytest.fixture(scope="module")
def vocabulary() -> BytePairVocabulary:
    return BytePairVocabulary.from_text(python_docs()[:50_000], 400)


@with_tokenizers
@pytest.mark.parametrize("text", STRANGE)
def test_every_text_comes_back(vocabulary: BytePairVocabulary, text: str) -> None:
    tokens = vocabulary.encode(text)
    assert tokens.dtype == np.int32
    assert vocabulary.decode(tokens) == text


@with_tokenizers
def test_frequent_words_are_one_token(vocabulary: BytePairVocabulary) -> None:
    assert len(vocabulary) == 400
    assert len(vocabulary.encode(" the the the")) == 3
    assert len(vocabulary.encode("中")) == 3  # its bytes


@with_tokenizers
def test_the_first_pair_is_the_most_frequent() -> None:
    assert len(BytePairVocabulary.from_text("xyxyxyzx", 256)) == 256
    pair = BytePairVocabulary.from_text("xyxyxyzx", 257)
    assert pair.encode("xy").tolist() == [256]
    assert len(BytePairVocabulary.from_text("abc", 1000)) == 256  # no pair occurs twice


@with_tokenizers
def test_it_is_a_value_that_depends_on_the_text_alone(vocabulary: BytePairVocabulary) -> None:
    again = BytePairVocabulary.from_text(python_docs()[:50_000], 400)
    assert again == vocabulary
    assert hash(again) == hash(vocabulary)
    assert repr(vocabulary) == "BytePairVocabulary(400 tokens)"


@with_tokenizers
def test_special_tokens_come_first_and_from_no_text(tmp_path: Path) -> None:
    text = "the <s>the</s> the<pad>" * 3
    vocabulary = BytePairVocabulary.from_text(text, 270, special=("<pad>", "<s>", "</s>"))
    assert vocabulary.special_tokens == {"<pad>": 0, "<s>": 1, "</s>": 2}
    assert vocabulary.encode(text).min() > 2
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.decode([1, *vocabulary.encode("the"), 2, 0]) == "<s>the</s><pad>"
    vocabulary.save(tmp_path / "tokenizer.json")
    again = BytePairVocabulary.load(tmp_path / "tokenizer.json")
    assert again == vocabulary
    assert again.special_tokens == vocabulary.special_tokens
    assert again.encode("</s>").tolist() == vocabulary.encode("</s>").tolist()


@with_tokenizers
def test_without_special_tokens_there_are_none(vocabulary: BytePairVocabulary) -> None:
    assert vocabulary.special_tokens == {}


@with_tokenizers
@pytest.mark.parametrize("name", ["a", "the"])
def test_a_special_token_that_a_text_could_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"the special token '{name}' is one of the text too"):
        BytePairVocabulary.from_text("the the the", 270, special=(name,))


@pytest.mark.parametrize("special", [("<s>", "<s>"), ("",), "<pad>"])
def test_bad_special_tokens_are_refused(special: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="a tuple of different names, none of them empty, not"):
        BytePairVocabulary.from_text("text", 300, special)


def test_a_vocabulary_needs_all_bytes_beside_its_special_tokens() -> None:
    with pytest.raises(ValueError, match="a size of 258 or more, one for each byte and 2 special tokens, not 257"):
        BytePairVocabulary.from_text("text", 257, ("<a>", "<b>"))


@with_tokenizers
def test_the_file_is_that_of_the_library(vocabulary: BytePairVocabulary, tmp_path: Path) -> None:
    vocabulary.save(tmp_path / "tokenizer.json")
    assert BytePairVocabulary.load(tmp_path / "tokenizer.json") == vocabulary
    assert json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))["model"]["type"] == "BPE"


@with_tokenizers
@pytest.mark.parametrize("content", [b"{", b"[]", b'{"characters": "ab", "unknown": null}', b"\xff"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"file\.json is no tokenizer\.json: "):
        BytePairVocabulary.load(tmp_path / "file.json")


@with_tokenizers
def test_an_unknown_token_is_refused(vocabulary: BytePairVocabulary) -> None:
    with pytest.raises(ValueError, match=r"token 400 at \[1\] is not in the vocabulary of 0 to 399"):
        vocabulary.decode([0, 400])


@with_tokenizers
def test_a_surrogate_is_refused(vocabulary: BytePairVocabulary) -> None:
    """Python makes them of arguments that are not UTF-8."""
    for refuse in (vocabulary.encode, BytePairVocabulary.from_text):
        with pytest.raises(ValueError, match=r"'\\udcff' at position 2 is a surrogate, which is no character"):
            refuse("ab\udcff")


@with_tokenizers
def test_half_a_character_is_shown_as_such(vocabulary: BytePairVocabulary) -> None:
    assert vocabulary.decode(vocabulary.encode("中")[:2]) == "\ufffd"


@pytest.mark.parametrize("size", [255, 0, 300.0, True])
def test_a_vocabulary_needs_all_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="a size of 256 or more"):
        BytePairVocabulary.from_text("text", size)


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(ValueError, match="empty text"):
        BytePairVocabulary.from_text("")


def test_a_missing_tokenizers_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for make in (BytePairVocabulary, BytePairVocabulary.from_text):
        with pytest.raises(ModuleNotFoundError, match=r"tokenizers.*pip install 'backprop-jax\[text\]'"):
            make("{}")
