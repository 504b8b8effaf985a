"""What is wrong with a training: figures, limits, whose they are, and what to try."""

from backprop_jax.doctor.diagnosis import diagnose
from backprop_jax.doctor.finding import Finding
from backprop_jax.doctor.health_file import record_health, save_health
from backprop_jax.doctor.layer_health import checkup
from backprop_jax.doctor.rows import EpochRow, LayerHealth, StepRow, Suspect
from backprop_jax.doctor.run_files import Run, read_run
from backprop_jax.doctor.suspects import label_suspects, save_suspects

__all__ = [
    "EpochRow",
    "Finding",
    "LayerHealth",
    "Run",
    "StepRow",
    "Suspect",
    "checkup",
    "diagnose",
    "label_suspects",
    "read_run",
    "record_health",
    "save_health",
    "save_suspects",
]
