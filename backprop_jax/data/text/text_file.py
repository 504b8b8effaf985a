"""Text from files."""

import os
from pathlib import Path

__all__ = ["read_text"]


def read_text(path: str | os.PathLike) -> str:
    """The text of a file, or of all files below a folder, in the order of their paths with an empty line between.

    In the text a line ends with "\\n", whatever it ends with in the file, and a byte order mark is left out. Hidden
    files and folders are passed over.

    Raises:   OSError if there is no such file or folder, or it cannot be read; ValueError, naming the file, if one is
              not UTF-8, and if there is no text.
    """
    path = Path(path)
    text = "\n\n".join(map(_read, _files(path))) if path.is_dir() else _read(path)
    if not text.strip():
        raise ValueError(f"there is no text in {path}")
    return text


def _files(folder: Path) -> list[Path]:
    visible = lambda path: not any(part.startswith(".") for part in path.relative_to(folder).parts)
    return sorted(path for path in folder.rglob("*") if visible(path) and path.is_file())


def _read(path: Path) -> str:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 at byte {error.start}, 0x{content[error.start]:02x}: if it is text, convert it, "
            "such as by iconv -t utf-8"
        ) from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
