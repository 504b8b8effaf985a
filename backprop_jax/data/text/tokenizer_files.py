"""Tokenizers in the files of a model's folder that there were before tokenizer.json: GPT-2's and BERT's."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["OLDER_FILES", "TOKENIZER", "older_definition", "tokenizers_library"]

TOKENIZER = "tokenizer.json"
PAIRS, MERGES, WORDS = OLDER_FILES = "vocab.json", "merges.txt", "vocab.txt"
SETTINGS, ADDED = "tokenizer_config.json", "added_tokens.json"
END = "<|endoftext|>"
UNKNOWN, BEGIN, SEPARATOR, *OTHERS = "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"


def older_definition(folder: Path) -> str:
    """What a tokenizer.json would have, from vocab.json and merges.txt, or from vocab.txt.

    Of tokenizer_config.json, if it is there, it takes what changes the tokens of a text.

    Raises:   FileNotFoundError if neither is there, or only one of the two; ValueError, naming the file, for one with
              another content, or if there is a file of added tokens beside them.
    """
    there = [name for name in OLDER_FILES if (folder / name).is_file()]
    make, needed = (_gpt2, (PAIRS, MERGES)) if {PAIRS, MERGES} & {*there} else (_bert, (WORDS,))
    missing = [name for name in needed if name not in there]
    if missing:
        raise FileNotFoundError(
            f"there is no {' or '.join(missing)} in {folder}: a tokenizer is a {TOKENIZER}, {PAIRS} and {MERGES}, or "
            f"{WORDS}"
        )
    if (folder / ADDED).is_file():
        raise ValueError(f"{folder / ADDED} cannot be read here: save the tokenizer anew, as a {TOKENIZER}")
    library = tokenizers_library()
    tokenizer, special = make(library, folder, _object(folder / SETTINGS) if (folder / SETTINGS).is_file() else {})
    tokenizer.add_special_tokens([name for name in special if tokenizer.token_to_id(name) is not None])
    return tokenizer.to_str()


def tokenizers_library() -> Any:
    try:
        return import_module("tokenizers")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "byte pairs need tokenizers, which is not installed: pip install 'backprop-jax[text]'"
        ) from error


def _gpt2(library: Any, folder: Path, settings: dict[str, Any]) -> tuple[Any, list[str]]:
    try:
        model = library.models.BPE.from_file(str(folder / PAIRS), str(folder / MERGES))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{folder / PAIRS} and {MERGES} are no byte pairs: {error}") from error
    tokenizer = library.Tokenizer(model)
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(
        add_prefix_space=_flag(folder, settings, "add_prefix_space", False)
    )
    tokenizer.decoder = library.decoders.ByteLevel()
    return tokenizer, [END]


def _bert(library: Any, folder: Path, settings: dict[str, Any]) -> tuple[Any, list[str]]:
    lines = _text(folder / WORDS).replace("\r\n", "\n").removesuffix("\n").split("\n")
    words = {word: number for number, word in enumerate(lines)}
    for name in UNKNOWN, BEGIN, SEPARATOR:
        if name not in words:
            raise ValueError(f"{folder / WORDS} is no vocabulary of BERT: it has no line {name}")
    tokenizer = library.Tokenizer(library.models.WordPiece(words, unk_token=UNKNOWN))
    tokenizer.normalizer = library.normalizers.BertNormalizer(
        handle_chinese_chars=_flag(folder, settings, "tokenize_chinese_chars", True),
        strip_accents=_flag(folder, settings, "strip_accents", None),
        lowercase=_flag(folder, settings, "do_lower_case", True),
    )
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = library.decoders.WordPiece()
    ends = [(name, words[name]) for name in (BEGIN, SEPARATOR)]
    pair = f"{BEGIN} $A {SEPARATOR} $B:1 {SEPARATOR}:1"
    tokenizer.post_processor = library.processors.TemplateProcessing(f"{BEGIN} $A {SEPARATOR}", pair, ends)
    return tokenizer, [UNKNOWN, BEGIN, SEPARATOR, *OTHERS]


def _flag(folder: Path, settings: dict[str, Any], name: str, default: bool | None) -> bool | None:
    """A setting that is true or false, or null for the default."""
    value = settings.get(name)
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{folder / SETTINGS} needs true or false as {name}, not {value!r}")
    return default if value is None else value


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}") from error


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} needs a JSON object, not {type(content).__name__}")
    return content
