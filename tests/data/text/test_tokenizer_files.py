"""GPT-2's and BERT's older files, read as what they stand for."""

import importlib.util
import json
from pathlib import Path

import pytest

from backprop_jax.data import BytePairVocabulary

pytestmark = pytest.mark.skipif(importlib.util.find_spec("tokenizers") is None, reason="tokenizers is not installed")
END = "<|endoftext|>"
TEXTS = ["the theme, there", "  a\t\n", "\x00é🙂\r\n", f"don't {END}", "中文"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "un", "##believ", "##able", "film", "##s", "!", "中", "é"]


def write_gpt2(folder: Path, vocabulary: BytePairVocabulary) -> None:
    model = json.loads(vocabulary.definition)["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")


def write_bert(folder: Path, **settings: bool) -> None:
    (folder / "vocab.txt").write_text("\n".join([*WORDS, ""]), encoding="utf-8")
    if settings:
        (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def test_gpt2s_are_the_byte_pairs_that_were_written(tmp_path: Path) -> None:
    expected = BytePairVocabulary.from_text("the theme of the other theatre, there " * 3, 270, (END,))
    write_gpt2(tmp_path, expected)
    found = BytePairVocabulary.load(tmp_path)
    assert len(found) == len(expected) == 270
    assert found.special_tokens == {END: 0}
    for text in TEXTS:
        assert found.encode(text).tolist() == expected.encode(text).tolist()
        assert found.decode(found.encode(text)) == text
    (tmp_path / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    assert BytePairVocabulary.load(tmp_path).encode("the").tolist() == expected.encode(" the").tolist()
    # The newer file, once it is there, is the one that counts.
    expected.save(tmp_path / "tokenizer.json")
    assert BytePairVocabulary.load(tmp_path) == expected


def test_berts_are_pieces_of_words(tmp_path: Path) -> None:
    write_bert(tmp_path)
    vocabulary = BytePairVocabulary.load(tmp_path)
    pieces = ["the", "film", "##s", "[UNK]", "un", "##believ", "##able", "!", "中"]
    tokens = [WORDS.index(piece) for piece in pieces]
    assert vocabulary.encode("The films are UNBELIEVABLE!中").tolist() == tokens
    assert vocabulary.decode(vocabulary.encode("unbelievable films")) == "unbelievable films"
    assert vocabulary.special_tokens == {name: number for number, name in enumerate(WORDS[:5])}
    assert vocabulary.encode("[CLS]").tolist() != [WORDS.index("[CLS]")]
    write_bert(tmp_path, do_lower_case=False, strip_accents=False)
    cased = BytePairVocabulary.load(tmp_path)
    assert cased.encode("The the é").tolist() == [WORDS.index(piece) for piece in ("[UNK]", "the", "é")]


def test_files_that_are_missing_or_broken_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no vocab.txt in .*: a tokenizer is a tokenizer.json, vocab.json and"):
        BytePairVocabulary.load(tmp_path)
    (tmp_path / "vocab.json").write_text("{")
    with pytest.raises(FileNotFoundError, match=r"there is no merges.txt in"):
        BytePairVocabulary.load(tmp_path)
    (tmp_path / "merges.txt").write_text("")
    with pytest.raises(ValueError, match=r"vocab.json and merges.txt are no byte pairs: "):
        BytePairVocabulary.load(tmp_path)
    (tmp_path / "added_tokens.json").write_text("{}")
    with pytest.raises(ValueError, match=r"added_tokens.json cannot be read here: save the tokenizer anew"):
        BytePairVocabulary.load(tmp_path)
    bert = tmp_path / "bert"
    bert.mkdir()
    (bert / "vocab.txt").write_text("the\n[UNK]\n")
    with pytest.raises(ValueError, match=r"vocab.txt is no vocabulary of BERT: it has no line \[CLS\]"):
        BytePairVocabulary.load(bert)
    (bert / "vocab.txt").write_bytes(b"\xff\n")
    with pytest.raises(ValueError, match=r"vocab.txt is no text in UTF-8"):
        BytePairVocabulary.load(bert)
    for content, error in ("{", "is no JSON"), ("[]", "needs a JSON object, not list"):
        (bert / "tokenizer_config.json").write_text(content)
        with pytest.raises(ValueError, match=f"tokenizer_config.json {error}"):
            BytePairVocabulary.load(bert)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_tokens_are_those_of_transformers(tmp_path: Path) -> None:
    """From the older files, and from what is saved of them."""
    transformers = pytest.importorskip("transformers")
    for name, write in (
        (
            "GPT2Tokenizer",
            lambda: write_gpt2(tmp_path, BytePairVocabulary.from_text("the theme of the " * 3, 262, (END,))),
        ),
        ("BertTokenizer", lambda: write_bert(tmp_path)),
    ):
        for path in tmp_path.iterdir():
            path.unlink()
        write()
        theirs = getattr(transformers, name).from_pretrained(tmp_path)
        ours = BytePairVocabulary.load(tmp_path)
        ours.save(tmp_path / "tokenizer.json")
        saved = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
        for text in ("the theme, there", "The FILMS are unbelievable! é中", "don't  \t\n"):
            expected = theirs.encode(text)
            assert saved.encode(text) == expected
            assert ours.encode(text).tolist() == theirs.encode(text, add_special_tokens=False)
