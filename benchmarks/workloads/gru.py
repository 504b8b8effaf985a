"""The GRU layer: see `benchmarks/recurrent_layers.py`."""

from benchmarks.recurrent_layers import recurrent_workload

__all__ = ["WORKLOAD"]

WORKLOAD = recurrent_workload("gru")
