import errno
import importlib.util
import itertools
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backprop_jax.data import ImageDataset, image_folder
from tests.data.folders import greys, write_images

CLASSES = ("cat", "dog")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_images(tmp_path / "pets", CLASSES, count=20)


def parts(dataset: ImageDataset) -> list[list[int]]:
    return [greys(part.x) for part in (dataset.train, dataset.validation, dataset.test)]


def test_classes_are_folders_and_parts_are_drawn_as_split_does(root: Path) -> None:
    dataset = image_folder(root, size=(4, 6))
    assert (dataset.name, dataset.class_names, dataset.image_shape) == ("pets", CLASSES, (4, 6, 3))
    everything = image_folder(root, size=4, channels=1, validation=0.05, test=0.05)  # the same, in other shares
    for drawn in (dataset, everything):
        assert sorted(itertools.chain(*parts(drawn))) == [*range(20), *range(100, 120)]
    for part in (dataset.train, dataset.validation, dataset.test):
        assert (np.array(greys(part.x)) // 100 == part.y).all()
    assert list(map(len, parts(dataset))) == [28, 4, 8]
    assert parts(dataset) == parts(image_folder(root, size=4))  # in any order of the threads
    assert parts(dataset) != parts(image_folder(root, size=4, seed=1))


def test_it_is_read_beside_the_main_thread_and_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, told = set(), []

    def read(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
        threads.add(threading.current_thread())
        return np.zeros((*size, channels), np.uint8)

    monkeypatch.setattr("backprop_jax.data.image_folders.read_image", read)
    image_folder(root, on_progress=lambda *progress: told.append(progress))
    assert threading.main_thread() not in threads
    assert told == [(done, 40) for done in range(1, 41)]


def test_parts_with_folders_of_their_own_are_kept(tmp_path: Path) -> None:
    for part, count in (("train", 10), ("val", 2), ("test", 3)):
        write_images(tmp_path / part, CLASSES, count)
    expected = [[*range(count), *range(100, 100 + count)] for count in (10, 2, 3)]
    assert parts(image_folder(tmp_path)) == expected


@pytest.mark.parametrize(("given", "sizes"), [([], [28, 4, 8]), (["test"], [36, 4, 6]), (["validation"], [32, 6, 8])])
def test_parts_without_a_folder_are_drawn_from_train(given: list[str], sizes: list[int], tmp_path: Path) -> None:
    write_images(tmp_path / "train", CLASSES, 20)
    for part in given:
        write_images(tmp_path / part, CLASSES, 3)
    dataset = image_folder(tmp_path)
    assert list(map(len, parts(dataset))) == sizes
    assert len(set(greys(dataset.train.x))) == len(dataset.train)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    assert image_folder(write_images(tmp_path, ("bus", "train"), 10)).class_names == ("bus", "train")


def test_hidden_files_nested_folders_and_links(root: Path) -> None:
    expected = parts(image_folder(root))
    (root / "cat" / ".DS_Store").write_text("no image")
    (root / ".git").mkdir()
    (root / "dog" / ".cache").mkdir()
    (root / "dog" / ".cache" / "000.png").write_text("no image")
    (root / "readme.txt").write_text("beside the classes")
    (root / "cat" / "again").symlink_to(root / "cat")
    (root / "dog" / "all").symlink_to(root)
    (root / "round").symlink_to(root)
    (root / "loop").symlink_to(root / "loop")
    (root / "cat" / "zzz").mkdir()
    os.rename(root / "cat" / "019.png", root / "cat" / "zzz" / "019.png")
    os.rename(root / "dog", root.parent / "elsewhere")
    (root / "dog").symlink_to(root.parent / "elsewhere")
    assert parts(image_folder(root)) == expected


def damage(root: Path) -> list[Path]:
    """One file each that is truncated, of zero bytes, no image, and a link to nothing."""
    folder = root / "cat"
    bad = [folder / name for name in ("a.png", "b.png", "c.txt", "d.png")]
    noise = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
    Image.fromarray(noise).save(bad[0])
    for path, content in zip(bad, (bad[0].read_bytes()[:500], b"", b"label,file"), strict=False):
        path.write_bytes(content)
    bad[-1].symlink_to(folder / "nothing")
    return bad


def test_bad_files_are_skipped_and_told_with_the_reason(root: Path) -> None:
    bad, told = damage(root), []
    dataset = image_folder(root, on_skip=lambda *skipped: told.append(skipped))
    assert [path for path, _ in told] == bad
    assert told[0][1] == "OSError: image file is truncated"
    assert all("cannot identify image file" in reason for _, reason in told[1:3])
    assert told[3][1] == "it is a broken link or no ordinary file"
    assert sum(map(len, parts(dataset))) == 40


def test_without_a_listener_one_warning_tells_of_bad_files(root: Path) -> None:
    bad = damage(root)
    with pytest.warns(UserWarning, match=rf"skipped: 4 of 44 files in .*, the first is {bad[0]}: ") as warned:
        image_folder(root)
    assert len(warned) == 1


def test_mostly_bad_files_are_refused(root: Path) -> None:
    for number in range(41):
        (root / "dog" / f"{number}.txt").touch()
    with pytest.raises(ValueError, match=r"41 of 81 files in .*pets are no images that can be read, the first is"):
        image_folder(root)


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(errno.EMFILE, "Too many open files"), OSError(errno.ENFILE, "Too many open files")]
)
def test_a_machine_at_its_limit_is_not_taken_for_bad_files(
    error: Exception, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
        if path.name == "007.png":
            raise error
        return np.zeros((*size, channels), np.uint8)

    monkeypatch.setattr("backprop_jax.data.image_folders.read_image", read)
    with pytest.raises(type(error)) as caught:
        image_folder(root)
    assert caught.value is error


def test_formats_are_registered_once_before_all_reading(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def read(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
        done.append("read")
        return np.zeros((*size, channels), np.uint8)

    monkeypatch.setattr("backprop_jax.data.image_folders.read_image", read)
    monkeypatch.setattr(Image, "init", lambda: done.append("init"))
    image_folder(root)
    assert done == ["init", *["read"] * 40]


def test_a_folder_without_permission_is_not_passed_over(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "cat" / "secret").mkdir()
    scandir = os.scandir

    def deny(path: str):  # root, who may run the tests, is never denied
        if Path(path).name == "secret":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(PermissionError, match="secret"):
        image_folder(root)


def test_a_class_of_bad_files_is_named(root: Path) -> None:
    for path in (root / "dog").iterdir():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"no image of the class can be read that .*dog/000\.png belongs to"):
        image_folder(root, on_skip=lambda path, reason: None)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["cat", "dog", "eel"], r"the class folder .*eel holds no files"),
        (["cat"], r"pets needs a folder of images for each of two or more classes and has one: cat"),
        ([], r"pets needs a folder of images for each of two or more classes and has none"),
        (["train"], r"train needs a folder of images for each of two or more classes and has none"),
        (["train", "val", "validation"], r"pets has two folders to validate on"),
        (["train/cat", "train/dog", "test/eel"], r"test/eel is no class that there are images to train on: cat, dog"),
    ],
)
def test_what_is_no_folder_of_classes_is_refused(folders: list[str], message: str, tmp_path: Path) -> None:
    root = tmp_path / "pets"
    root.mkdir()
    for folder in folders:
        (root / folder).mkdir(parents=True)
        if folder.endswith(CLASSES):
            (root / folder / "image.png").touch()
    with pytest.raises(ValueError, match=message):
        image_folder(root)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        image_folder(tmp_path / "nothing")


def test_a_part_that_stays_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pets: 4 examples are too few"):
        image_folder(write_images(tmp_path / "pets", CLASSES, 2))


@pytest.mark.parametrize(
    "arguments", [{"size": size} for size in (0, (8, -1), 8.5, (8,), (8, 8.5), "8", "88", True)] + [{"channels": 4}]
)
def test_bad_sizes_are_refused(arguments: dict, root: Path) -> None:
    with pytest.raises(ValueError, match="a height and a width, whole numbers of 1 or more, and 1 or 3 channels, not"):
        image_folder(root, **arguments)


def test_a_missing_pillow_is_named_with_its_extra(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"Pillow.*pip install 'backprop-jax\[images\]'"):
        image_folder(root)
