"""What is wrong with a step of training, and where."""

from backprop_jax.harvest.diagnosis.first_bad import FirstBad, find_first_bad
from backprop_jax.harvest.diagnosis.flow import EDGES, FlowStatistics
from backprop_jax.harvest.diagnosis.replay import Replay, read_replay, write_replay
from backprop_jax.harvest.diagnosis.taps import LayerTaps, Taps, with_taps

__all__ = [
    "EDGES",
    "FirstBad",
    "FlowStatistics",
    "LayerTaps",
    "Replay",
    "Taps",
    "find_first_bad",
    "read_replay",
    "with_taps",
    "write_replay",
]
