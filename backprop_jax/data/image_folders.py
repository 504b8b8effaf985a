"""Images from a folder that has one sub-folder a class."""

import errno
import importlib.util
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from backprop_jax.core.whole_number import whole_number
from backprop_jax.data.class_folders import ImageFile, files_by_class, find_parts, sub_folders
from backprop_jax.data.image_dataset import Examples, ImageDataset
from backprop_jax.data.image_file import read_image
from backprop_jax.data.split import draw

__all__ = ["image_folder"]

MOST_SKIPPED = 0.5  # of all files; beyond it this is no folder of images
TOO_MANY_OPEN = (errno.EMFILE, errno.ENFILE)  # files, in this process or on the machine


def image_folder(
    path: str | os.PathLike,
    size: int | tuple[int, int] = 64,
    channels: int = 3,
    validation: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    on_skip: Callable[[Path, str], None] | None = None,
) -> ImageDataset:
    """The images below a folder; those in the sub-folder "cat" show the class "cat". All are held in memory, float32.

    Classes are numbered in the order of their sorted names. Sub-folders called train, validation (or val) and test,
    and no others, are the three parts and hold the classes; of these train must be there, and a part that is not is
    drawn from it by `validation` or `test`, fractions of each class. Hidden files and folders are passed over, and the
    order of the images does not depend on the threads that read them.

    `on_progress` is told how many files are read, of how many. A file that cannot be read as an image is skipped:
    `on_skip` is told which and why, and without it one warning names the first and tells how many there are.

    Shapes:   x (N, *size, channels) in [0, 1], the middle of each image, scaled; size is (height, width), or both in
              one; channels 3 for red, green and blue, or 1 for grey.
    Raises:   OSError if a folder is missing or cannot be read, or too many files are open; ModuleNotFoundError, naming
              the extra to install, if Pillow is missing; ValueError for a size or channels that are not as above; and
              ValueError, naming the folder, for fewer than two class folders, a class folder without images, a class
              that is not in train, fractions that leave a part empty, and if more than half of all files are skipped.
    """
    if importlib.util.find_spec("PIL") is None:
        raise ModuleNotFoundError(
            "images are read by Pillow, which is not installed: pip install 'backprop-jax[images]'"
        )
    sides = size if isinstance(size, tuple | list) else (size, size)
    whole = [side for side in (whole_number(side, least=1) for side in sides) if side is not None]
    if not len(sides) == len(whole) == 2 or channels not in (1, 3):
        raise ValueError(
            "images need a height and a width, whole numbers of 1 or more, and 1 or 3 channels, "
            f"not {size!r}, {channels!r}"
        )
    height, width = whole
    root = Path(path)
    folders = find_parts(root)
    class_names = tuple(sub_folders(folders["train"]))
    if len(class_names) < 2:
        found = f"one: {class_names[0]}" if class_names else "none"
        raise ValueError(f"{folders['train']} needs a folder of images for each of two or more classes and has {found}")
    files = {part: files_by_class(folder, class_names) for part, folder in folders.items()}

    everything = [file for part in files.values() for file in part]
    images, skipped = _read(everything, partial(read_image, size=(height, width), channels=channels), on_progress)
    _tell(root, skipped, len(everything), on_skip)
    parts = {part: _examples(listed, images) for part, listed in files.items()}
    missing = {"test": test, "validation": validation}
    missing = {part: fraction for part, fraction in missing.items() if part not in parts}
    if missing:
        try:
            *drawn, rest = draw(parts["train"].y, tuple(missing.values()), seed)
        except ValueError as error:
            raise ValueError(f"{folders['train']}: {error}") from error
        parts |= {part: parts["train"][rows] for part, rows in zip(missing, drawn, strict=True)}
        parts["train"] = parts["train"][rest]
    return ImageDataset(root.resolve().name, class_names, **parts)


def _read(
    files: Sequence[ImageFile],
    read: Callable[[Path], np.ndarray],
    on_progress: Callable[[int, int], None] | None,
) -> tuple[dict[Path, np.ndarray], dict[Path, str]]:
    """The images that can be read, and why the others cannot, in the order of the files."""
    from PIL import Image

    Image.init()  # by one thread: those of the pool would all at once register the formats
    images, skipped = {}, {}
    pool = ThreadPoolExecutor()  # threads suffice: Pillow decodes outside the interpreter's lock
    try:
        outcomes = pool.map(partial(_try, read), (file.path for file in files))
        for done, (file, outcome) in enumerate(zip(files, outcomes, strict=True), start=1):
            (skipped if isinstance(outcome, str) else images)[file.path] = outcome
            if on_progress is not None:
                on_progress(done, len(files))
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, read no more
    return images, skipped


def _try(read: Callable[[Path], np.ndarray], path: Path) -> np.ndarray | str:
    try:
        # A pipe would keep its reader waiting.
        return read(path) if path.is_file() else "it is a broken link or no ordinary file"
    except Exception as error:  # damaged files make decoders raise OSError, SyntaxError, IndexError, zlib.error ...
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in TOO_MANY_OPEN:
            raise  # the machine is at its limit, and this file is not to blame
        return " ".join(f"{type(error).__name__}: {error}".split()).replace(str(path), path.name)


def _tell(root: Path, skipped: dict[Path, str], total: int, on_skip: Callable[[Path, str], None] | None) -> None:
    if not skipped:
        return
    path, reason = next(iter(skipped.items()))
    summary = f"{len(skipped)} of {total} files in {root} are no images that can be read, the first is {path}: {reason}"
    if len(skipped) > MOST_SKIPPED * total:
        raise ValueError(summary)
    if on_skip is None:
        warnings.warn(f"skipped: {summary}", stacklevel=3)
    else:
        for path, reason in skipped.items():
            on_skip(path, reason)


def _examples(files: Sequence[ImageFile], images: dict[Path, np.ndarray]) -> Examples:
    readable = [file for file in files if file.path in images]
    labels = {file.label for file in readable}
    lost = next((file.path for file in files if file.label not in labels), None)
    if lost is not None:
        raise ValueError(f"no image of the class can be read that {lost} belongs to")
    x = np.stack([images[file.path] for file in readable]).astype(np.float32)
    x /= 255
    return Examples(x, np.array([file.label for file in readable]))
