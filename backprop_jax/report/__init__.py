"""What a training left in its folder, for people to read."""

from backprop_jax.report.comparison import compare_runs
from backprop_jax.report.run_folder import RunFolder, read_run_folder
from backprop_jax.report.run_report import run_report

__all__ = ["RunFolder", "compare_runs", "read_run_folder", "run_report"]
