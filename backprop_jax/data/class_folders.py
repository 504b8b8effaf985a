"""Which files of a folder show which class: nothing is opened here."""

import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["ImageFile", "files_by_class", "find_parts", "sub_folders"]

PARTS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


class ImageFile(NamedTuple):
    """A file that is taken for an image, and the number of its class."""

    path: Path
    label: int


def find_parts(root: Path) -> dict[str, Path]:
    """The folder of each part: those called train, validation (or val) and test, if there are no others.

    A folder with any other sub-folder is a folder of classes, all for training: one class may well be "train".

    Raises:   OSError if the folder is missing or cannot be read; ValueError if validation has two folders.
    """
    folders = sub_folders(root)
    if "train" not in folders or not folders.keys() <= PARTS.keys():
        return {"train": root}
    if {"validation", "val"} <= folders.keys():
        raise ValueError(f"{root} has two folders to validate on, validation and val")
    return {PARTS[name]: folder for name, folder in folders.items()}


def sub_folders(root: Path) -> dict[str, Path]:
    """The folders in a folder by name, sorted; without hidden ones, and links that lead back to where they are."""
    entries = (entry for entry in root.iterdir() if not entry.name.startswith(".") and entry.is_dir())
    whole = root.resolve()
    return {entry.name: entry for entry in sorted(entries) if not whole.is_relative_to(entry.resolve())}


def files_by_class(root: Path, class_names: tuple[str, ...]) -> list[ImageFile]:
    """The files below each class folder, sorted by class and then by path; hidden ones are not listed.

    A class folder may be a link, and so may a file; other links to folders are not followed.

    Raises:   OSError if a folder cannot be read; ValueError if there is a folder of an unknown class, or a class folder
              without files: it is named.
    """
    files = []
    for name, folder in sub_folders(root).items():
        if name not in class_names:
            raise ValueError(f"{folder} is no class that there are images to train on: {', '.join(class_names)}")
        paths = []
        for parent, below, names in os.walk(folder, onerror=_refuse):
            below[:] = [other for other in below if not other.startswith(".")]
            paths += [Path(parent, file) for file in names if not file.startswith(".")]
        if not paths:
            raise ValueError(f"the class folder {folder} holds no files")
        files += [ImageFile(path, class_names.index(name)) for path in sorted(paths)]
    return files


def _refuse(error: OSError) -> None:
    """Without this `os.walk` would pass over what cannot be read without a word."""
    raise error
