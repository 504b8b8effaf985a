import sys

import numpy as np
import pytest

from backprop_jax.data import digits


def test_digits() -> None:
    dataset = digits()
    assert (dataset.image_shape, dataset.classes) == ((8, 8, 1), 10)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [1258, 180, 359]
    assert (dataset.train.x.min(), dataset.train.x.max()) == (0, 1)
    assert np.bincount(dataset.test.y).min() >= 35


def test_a_missing_scikit_learn_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"scikit-learn.*pip install 'backprop-jax\[cli\]'"):
        digits()
