"""The documentation of Python's language, which comes with Python."""

import re

__all__ = ["python_docs"]


def python_docs() -> str:
    """What `help("if")` and the like print: some 375,000 characters of English and code, other in each Python.

    They are the topics of `pydoc_data`, sorted by name, each paragraph once: a fifth are parts of several topics, and
    a model would be praised for a held-out text that it was trained on.

    Raises:   ModuleNotFoundError if this Python was installed without them.
    """
    try:
        from pydoc_data.topics import topics
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "this Python was installed without pydoc_data, its documentation: use another, or a text of yours"
        ) from error
    paragraphs: dict[str, str] = {}  # by its words: the same may be indented in one topic, and not in another
    for name in sorted(topics):
        for paragraph in re.split(r"\n\n+", topics[name].strip("\n")):
            paragraphs.setdefault(" ".join(paragraph.split()), paragraph)
    return "\n\n".join(paragraphs.values())
