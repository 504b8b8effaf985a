"""Optimizers as values: composable gradient transforms, schedules and recipes, interchangeable with optax's.

    optimizer = adamw(warmup_cosine_decay_schedule(0.0, 1e-3, 100, 10_000))
    state = optimizer.init(params)
    updates, state = optimizer.update(gradients, state, params)
    params = apply_updates(params, updates)

Names, arguments, defaults and states are optax's. Unlike its closures, these print, compare and hash.
Arithmetic is in at least float32 and updates keep the gradient's dtype.
"""

from backprop_jax.optim.adaptive_moments import ScaleByAdamState, scale_by_adam
from backprop_jax.optim.applying import apply_updates, global_norm
from backprop_jax.optim.clipping import clip_by_global_norm
from backprop_jax.optim.combining import chain, identity
from backprop_jax.optim.momentum import TraceState, trace
from backprop_jax.optim.recipes.first import adam, adamw, sgd
from backprop_jax.optim.scaling import ScaleByScheduleState, scale, scale_by_learning_rate, scale_by_schedule
from backprop_jax.optim.schedules import (
    ScalarOrSchedule,
    Schedule,
    constant_schedule,
    cosine_decay_schedule,
    warmup_cosine_decay_schedule,
)
from backprop_jax.optim.transform import EmptyState, Leafwise, Plan, Transform
from backprop_jax.optim.weight_decay import MaskedState, WeightDecaySchedule, add_decayed_weights

__all__ = [
    "EmptyState",
    "Leafwise",
    "MaskedState",
    "Plan",
    "ScalarOrSchedule",
    "ScaleByAdamState",
    "ScaleByScheduleState",
    "Schedule",
    "TraceState",
    "Transform",
    "WeightDecaySchedule",
    "adam",
    "adamw",
    "add_decayed_weights",
    "apply_updates",
    "chain",
    "clip_by_global_norm",
    "constant_schedule",
    "cosine_decay_schedule",
    "global_norm",
    "identity",
    "scale",
    "scale_by_adam",
    "scale_by_learning_rate",
    "scale_by_schedule",
    "sgd",
    "trace",
    "warmup_cosine_decay_schedule",
]
