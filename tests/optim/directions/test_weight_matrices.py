from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from backprop_jax import optim
from backprop_jax.optim import MuonDimensionNumbers
from tests.optim.oracle import rejects_update


@pytest.mark.parametrize(
    ("shape", "numbers", "rms", "factor"),
    [
        ((4, 9), MuonDimensionNumbers(), None, 1.5),
        ((4, 9), MuonDimensionNumbers(1, 0), None, 1.0),
        ((9, 4), None, 0.2, 0.6),
        ((2, 2, 5, 9), MuonDimensionNumbers((0, 1), 3), None, 1.5),
    ],
)
def test_scale_by_shape(shape: tuple[int, ...], numbers: Any, rms: float | None, factor: float) -> None:
    scaled, _ = optim.scale_by_shape(numbers, rms).update(jnp.ones(shape, jnp.bfloat16), optim.EmptyState())
    assert scaled.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(scaled, np.float32), factor, rtol=4e-3)


@pytest.mark.parametrize(
    ("numbers", "labels"),
    [
        (None, {"w": "muon", "b": {"c": "adam", "d": None}}),
        ({"w": None, "b": MuonDimensionNumbers()}, {"w": "adam", "b": {"c": "muon", "d": None}}),
        (lambda params: None, {"w": "adam", "b": {"c": "adam", "d": None}}),
    ],
)
def test_labels(numbers: Any, labels: Any) -> None:
    params = {"w": jnp.ones((2, 3)), "b": {"c": jnp.ones((2, 3, 4)), "d": None}}
    assert optim.muon_labels(numbers)(params) == labels


def test_without_an_update_there_is_nothing_to_scale() -> None:
    updates, _ = optim.scale_by_shape().update({"w": jnp.ones((2, 8)), "frozen": None}, optim.EmptyState())
    assert updates["frozen"] is None and (updates["w"] == 2.0).all()


def test_shapes_without_a_matrix_are_named() -> None:
    assert "scale_by_shape: at ['b'] updates has shape (3,), which is no matrix" in rejects_update(
        optim.scale_by_shape(), {"b": jnp.ones(3)}, optim.EmptyState()
    )
