"""Translations from files."""

import os
from pathlib import Path

from backprop_jax.data.text.text_file import read_text
from backprop_jax.data.text.translation.parallel_text import ParallelText

__all__ = ["read_parallel"]


def read_parallel(path: str | os.PathLike, target_path: str | os.PathLike | None = None) -> ParallelText:
    """Sentences and translations: line by line from two files, or from one with a tab between the two in each line.

    Files are UTF-8, and lines end as in `read_text`. Spaces around a sentence are left out.

    Raises:   OSError if a file cannot be read; ValueError, naming the file and the line, if the files differ in their
              numbers of lines, a line has no sentence or, in one file, not just one tab; and as `read_text`.
    """
    if target_path is None:
        rows = [line.split("\t") for line in _lines(path)]
        for number, row in enumerate(rows, start=1):
            if len(row) != 2:
                raise ValueError(
                    f"{path}, line {number}: a sentence, a tab and its translation are needed, not {len(row) - 1} tabs"
                )
        sources, targets = zip(*rows, strict=True)
    else:
        sources, targets = _lines(path), _lines(target_path)
        if len(sources) != len(targets):
            raise ValueError(
                f"each line needs one translation, but {path} has {len(sources)} lines and {target_path} {len(targets)}"
            )
    return ParallelText(_sentences(path, sources), _sentences(target_path or path, targets))


def _lines(path: str | os.PathLike) -> list[str]:
    if Path(path).is_dir():
        raise ValueError(f"{path} is a folder: name a file, so that lines can be matched")
    return read_text(path).removesuffix("\n").split("\n")  # splitlines would cut a sentence at "\u2028" and the like


def _sentences(path: str | os.PathLike, lines: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    sentences = tuple(line.strip() for line in lines)
    if "" in sentences:
        raise ValueError(
            f"{path}, line {sentences.index('') + 1}: there is no sentence; leave the line out, and its translation"
        )
    return sentences
