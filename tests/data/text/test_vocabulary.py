import importlib.util
from pathlib import Path

import pytest

from backprop_jax.data import BytePairVocabulary, CharacterVocabulary, Vocabulary

TEXT = "a vocabulary takes it apart, and another makes it whole"


@pytest.mark.parametrize("kind", [CharacterVocabulary, BytePairVocabulary])
def test_both_vocabularies_have_the_interface(
    kind: type[CharacterVocabulary | BytePairVocabulary], tmp_path: Path
) -> None:
    if kind is BytePairVocabulary and importlib.util.find_spec("tokenizers") is None:
        pytest.skip("tokenizers is not installed")
    vocabulary: Vocabulary = kind.from_text(TEXT)
    tokens = vocabulary.encode(TEXT)
    assert tokens.max() < len(vocabulary)
    assert vocabulary.decode(tokens) == vocabulary.decode(tokens.tolist()) == TEXT
    vocabulary.save(tmp_path / "file.json")
    assert kind.load(tmp_path / "file.json") == vocabulary
