"""The health of the layers as a file."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from backprop_jax.doctor import read_run, record_health, save_health
from tests.doctor.tables import health
from tests.doctor.test_layer_health import OBJECTIVE, OPTIMIZER, sick


def test_what_is_written_is_read(tmp_path: Path) -> None:
    rows = health({"layer": "a,b", "dead": 0.25}, {"activation": float("inf"), "update": 1e-30})
    save_health(tmp_path / "health.csv", rows)
    np.testing.assert_equal(read_run(tmp_path).health, tuple(rows))


def test_epochs_are_added_and_those_that_come_again_are_replaced(tmp_path: Path) -> None:
    training, batch, _ = sick()
    batches = {4: batch, 2: (batch[0] * 2, batch[1])}
    for number, epochs in ((4, (1, 2, 3)), (2, (2, 3))):  # the second is resumed after epoch 1
        record = record_health(tmp_path / "health.csv", OBJECTIVE, OPTIMIZER, batches[number])
        for epoch in epochs:
            record(SimpleNamespace(epoch=epoch), training)
    rows = read_run(tmp_path).health
    assert rows is not None
    first = {row.epoch: row.activation for row in rows if row.layer == "f"}
    assert list(first) == [1, 2, 3] and len(rows) == 3 * 9
    np.testing.assert_allclose([first[2] / first[1], first[3] / first[1]], 2, 1e-5)
