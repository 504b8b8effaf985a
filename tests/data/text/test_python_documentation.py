import sys

import pytest

from backprop_jax.data import python_docs


def test_the_documentation_is_long_and_the_same_each_time() -> None:
    text = python_docs()
    assert len(text) > 300_000
    assert "while_stmt" in text
    assert text == python_docs()


def test_no_paragraph_is_there_twice() -> None:
    paragraphs = [" ".join(paragraph.split()) for paragraph in python_docs().split("\n\n")]
    assert len(paragraphs) == len(set(paragraphs)) > 1000


def test_a_python_without_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ModuleNotFoundError, match="without pydoc_data"):
        python_docs()
