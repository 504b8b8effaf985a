import json
from pathlib import Path

import numpy as np
import pytest

from backprop_jax.data import CharacterVocabulary

TEXT = "Ein Öl, 🙂 \ud800 e\u0301\n"


def test_tokens_are_the_places_of_the_characters() -> None:
    vocabulary = CharacterVocabulary("cab")
    assert vocabulary.encode("abcab").tolist() == [1, 2, 0, 1, 2]
    assert vocabulary.encode("").tolist() == []
    assert vocabulary.encode("a").dtype == vocabulary.encode("").dtype == np.int32
    assert vocabulary.decode([0, 1, 2]) == "cab"
    assert vocabulary.decode([]) == ""


def test_the_vocabulary_of_a_text_is_sorted_and_gives_it_back() -> None:
    vocabulary = CharacterVocabulary.from_text(TEXT)
    assert vocabulary.characters == "".join(sorted(set(TEXT)))
    assert len(vocabulary) == len(set(TEXT))
    assert vocabulary.decode(vocabulary.encode(TEXT)) == TEXT


def test_it_is_a_value() -> None:
    first, again = CharacterVocabulary("ab"), CharacterVocabulary.from_text("baab")
    first.encode("a")
    assert first == again
    assert hash(first) == hash(again)
    assert first != CharacterVocabulary("ba")


@pytest.mark.parametrize(("text", "message"), [("abz", "'z' at position 2"), ("🙂a", "'🙂' at position 0")])
def test_an_unknown_character_is_named_with_its_position(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"the character {message} is not in the vocabulary of 2 characters"):
        CharacterVocabulary("ba").encode(text)


def test_an_unknown_character_is_taken_for_the_symbol() -> None:
    vocabulary = CharacterVocabulary.from_text("ab", unknown="\ufffd")
    assert vocabulary.decode(vocabulary.encode("a🙂b\n")) == "a\ufffdb\ufffd"
    assert vocabulary.encode("z").dtype == np.int32
    assert CharacterVocabulary.from_text("ab", unknown="a").encode("bz").tolist() == [1, 0]


@pytest.mark.parametrize("tokens", [[3], [-1]])
def test_an_unknown_token_is_refused(tokens: list[int]) -> None:
    with pytest.raises(ValueError, match=r"token -?\d at \[0\] is not in the vocabulary of 0 to 2"):
        CharacterVocabulary("abc").decode(tokens)


def test_a_batch_of_texts_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 2\): give one row"):
        CharacterVocabulary("abc").decode(np.array([[0, 1]]))


@pytest.mark.parametrize("unknown", [None, "\ufffd"])
def test_the_file_gives_it_back(tmp_path: Path, unknown: str | None) -> None:
    vocabulary = CharacterVocabulary.from_text(TEXT, unknown)
    vocabulary.save(tmp_path / "vocabulary.json")
    assert CharacterVocabulary.load(tmp_path / "vocabulary.json") == vocabulary
    assert json.loads((tmp_path / "vocabulary.json").read_text())["unknown"] == unknown


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b'{"characters": "ab"}',
        b'{"characters": 5, "unknown": null}',
        b'{"characters": "ab", "unknown": 5}',
        b'{"characters": "aa", "unknown": null}',
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"file\.json holds no character vocabulary: "):
        CharacterVocabulary.load(tmp_path / "file.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.json"):
        CharacterVocabulary.load(tmp_path / "no.json")


@pytest.mark.parametrize(
    ("characters", "unknown", "message"),
    [
        ("", None, "at least one character"),
        ("abcb", None, "the character 'b' is twice"),
        ("ab", "c", "unknown must be one of the characters of the vocabulary, not 'c'"),
        ("ab", "ab", "not 'ab'"),
        ("ab", "", "not ''"),
    ],
)
def test_bad_vocabularies_are_refused(characters: str, unknown: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CharacterVocabulary(characters, unknown)


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(ValueError, match="empty text"):
        CharacterVocabulary.from_text("", unknown="?")
