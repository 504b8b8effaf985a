import struct
import sys
from pathlib import Path

import pytest

from backprop_jax.train import TextEpoch, Training, log_tensorboard
from tests.train.test_step_log import report

NOTHING = Training((), (), ())


def test_steps_and_epochs_are_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    with log_tensorboard(tmp_path, lambda count: count / 8) as (on_epoch, on_progress):
        on_progress(report(5, 6))
        on_epoch(TextEpoch(1, 6, 0.5, 0.25, 100.0, {"1": 1.0}), NOTHING)
    (file,) = tmp_path.iterdir()
    written = {}
    data = file.read_bytes()
    while data:  # a length, its checksum, a record, its checksum
        (length,) = struct.unpack("<Q", data[:8])
        event, data = Event.FromString(data[12 : 12 + length]), data[16 + length :]
        for value in event.summary.value:
            written[value.tag, event.step] = value.simple_value
    assert written["step/loss", 5] == 1.25 and written["step/loss", 6] == 1.5
    assert written["step/learning_rate", 5] == 0.5 and written["step/learning_rate", 6] == 0.625
    assert written["gradient_norm/10", 6] == 0.75
    assert written["epoch/validation_loss", 6] == 0.25


def test_without_tensorboardX_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ModuleNotFoundError, match=r"backprop-jax\[tensorboard\]"), log_tensorboard(tmp_path):
        pass
