"""Optimizers as values: composable gradient transforms, schedules and recipes, interchangeable with optax's.

    optimizer = adamw(warmup_cosine_decay_schedule(0.0, 1e-3, 100, 10_000))
    state = optimizer.init(params)
    updates, state = optimizer.update(gradients, state, params)
    params = apply_updates(params, updates)

Names, arguments, defaults and states are optax's. Unlike its closures, these print, compare and hash.
Arithmetic is in at least float32 and updates keep the gradient's dtype.
"""

from backprop_jax.optim.applying import apply_updates, global_norm, incremental_update, periodic_update
from backprop_jax.optim.combining import chain, identity, named_chain
from backprop_jax.optim.directions.adaptive_moments import ScaleByAdamState, scale_by_adam, scale_by_radam
from backprop_jax.optim.directions.averaging import EmaState, ema
from backprop_jax.optim.directions.cover_moments import ScaleBySM3State, scale_by_sm3
from backprop_jax.optim.directions.delayed_moments import scale_by_adopt
from backprop_jax.optim.directions.factored_moments import FactoredState, scale_by_factored_rms
from backprop_jax.optim.directions.gradient_differences import ScaleByAdanState, scale_by_adan
from backprop_jax.optim.directions.growing_distance import ProdigyState, prodigy
from backprop_jax.optim.directions.held_updates import ApplyEvery, apply_every
from backprop_jax.optim.directions.hessian_clipping import SophiaState, scale_by_sophia
from backprop_jax.optim.directions.hessian_diagonal import HutchinsonState, hutchinson_estimator_diag_hessian
from backprop_jax.optim.directions.layer_moments import ScaleByNovogradState, scale_by_novograd
from backprop_jax.optim.directions.limited_memory import ScaleByLBFGSState, scale_by_lbfgs
from backprop_jax.optim.directions.low_rank_projection import GaLoreDimensionNumbers, GaLoreState, scale_by_galore
from backprop_jax.optim.directions.mixed_gradient import ScaleBySimplifiedAdEMAMixState, scale_by_simplified_ademamix
from backprop_jax.optim.directions.mixed_momentum import ScaleByAdemamixState, scale_by_ademamix
from backprop_jax.optim.directions.momentum import TraceState, trace
from backprop_jax.optim.directions.normalizing import centralize, normalize_by_update_norm
from backprop_jax.optim.directions.optimism import ScaleByOptimisticGradientState, scale_by_optimistic_gradient
from backprop_jax.optim.directions.orthogonal_momentum import MuonState, scale_by_muon
from backprop_jax.optim.directions.parameter_norms import (
    scale_by_param_block_norm,
    scale_by_param_block_rms,
    scale_by_trust_ratio,
)
from backprop_jax.optim.directions.polyak_step import scale_by_polyak
from backprop_jax.optim.directions.resilient_steps import ScaleByRpropState, scale_by_rprop
from backprop_jax.optim.directions.second_moments import (
    ScaleByAmsgradState,
    ScaleByBeliefState,
    scale_by_adamax,
    scale_by_amsgrad,
    scale_by_belief,
    scale_by_yogi,
)
from backprop_jax.optim.directions.sign_descent import ScaleByLionState, scale_by_lion, scale_by_sign
from backprop_jax.optim.directions.squared_gradients import (
    ScaleByAdaDeltaState,
    ScaleByRmsState,
    ScaleByRmsWithCountState,
    ScaleByRssState,
    ScaleByRStdDevState,
    ScaleByRStdDevWithCountState,
    scale_by_adadelta,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
)
from backprop_jax.optim.directions.travelled_distance import (
    ScaleByDistanceOverGradientsState,
    scale_by_distance_over_gradients,
)
from backprop_jax.optim.directions.weight_matrices import MuonDimensionNumbers, muon_labels, scale_by_shape
from backprop_jax.optim.inspection.changing import HyperparamsState, hyperparams, with_hyperparams
from backprop_jax.optim.inspection.decay_masks import matching, matrices_only, not_matching
from backprop_jax.optim.inspection.describing import LeafSummary, OptimizerSummary, describe
from backprop_jax.optim.inspection.grouping import groups
from backprop_jax.optim.inspection.hyperparameter_fields import replace_hyperparams
from backprop_jax.optim.limits.clipping import clip, clip_by_block_rms, clip_by_global_norm
from backprop_jax.optim.limits.constraining import (
    NonNegativeParamsState,
    ZeroNansState,
    keep_params_nonnegative,
    zero_nans,
)
from backprop_jax.optim.limits.elastic_net import add_elastic_net
from backprop_jax.optim.limits.noise import AddNoiseState, add_noise
from backprop_jax.optim.limits.per_example_clipping import per_example_global_norm_clip, per_example_layer_norm_clip
from backprop_jax.optim.limits.unit_clipping import adaptive_grad_clip
from backprop_jax.optim.limits.weight_decay import WeightDecaySchedule, add_decayed_weights
from backprop_jax.optim.line_search.backtracking import (
    BacktrackingLinesearchInfo,
    ScaleByBacktrackingLinesearchState,
    scale_by_backtracking_linesearch,
)
from backprop_jax.optim.line_search.value_reuse import value_and_grad_from_state
from backprop_jax.optim.line_search.wolfe_search import (
    ScaleByZoomLinesearchState,
    ZoomLinesearchInfo,
    scale_by_zoom_linesearch,
)
from backprop_jax.optim.line_search.zoom import zoom_linesearch
from backprop_jax.optim.line_search.zoom_state import ZoomLinesearchState
from backprop_jax.optim.memory.bfloat16_rounding import StochasticRoundingState, stochastic_rounding
from backprop_jax.optim.memory.master_copy import MasterWeightsState, master_weights
from backprop_jax.optim.memory.momentum_accumulation import AccumulateState, accumulate_in_momentum
from backprop_jax.optim.memory.packing import Packed, flat
from backprop_jax.optim.memory.state_compression import CompressedState, compress_state
from backprop_jax.optim.recipes.adaptive_moments import adam, adamw, nadam, nadamw, radam
from backprop_jax.optim.recipes.averaged_iterates import schedule_free_adamw, schedule_free_sgd
from backprop_jax.optim.recipes.curvature import lbfgs, sophia
from backprop_jax.optim.recipes.delayed_and_mixed import ademamix, adopt, simplified_ademamix
from backprop_jax.optim.recipes.gradient_differences import adan
from backprop_jax.optim.recipes.layer_moments import novograd
from backprop_jax.optim.recipes.layer_norms import fromage, lamb, lars
from backprop_jax.optim.recipes.memory_saving import adafactor, galore, sm3
from backprop_jax.optim.recipes.momentum import sgd
from backprop_jax.optim.recipes.noisy import noisy_sgd
from backprop_jax.optim.recipes.optimistic import optimistic_adam, optimistic_adam_v2, optimistic_gradient_descent
from backprop_jax.optim.recipes.orthogonal import muon
from backprop_jax.optim.recipes.second_moments import adabelief, adamax, adamaxw, amsgrad, yogi
from backprop_jax.optim.recipes.sign_steps import lion, rprop, sign_sgd, signum
from backprop_jax.optim.recipes.squared_gradients import adadelta, adagrad, rmsprop
from backprop_jax.optim.recipes.suboptimality import polyak_sgd
from backprop_jax.optim.scaling import ScaleByScheduleState, scale, scale_by_learning_rate, scale_by_schedule
from backprop_jax.optim.schedules.basic import ScalarOrSchedule, Schedule, constant_schedule, join_schedules
from backprop_jax.optim.schedules.decay import (
    cosine_decay_schedule,
    exponential_decay,
    linear_schedule,
    polynomial_schedule,
)
from backprop_jax.optim.schedules.onecycle import cosine_onecycle_schedule, linear_onecycle_schedule
from backprop_jax.optim.schedules.open_ended import inverse_square_root_schedule, warmup_stable_decay_schedule
from backprop_jax.optim.schedules.picture import plot_schedule
from backprop_jax.optim.schedules.piecewise import piecewise_constant_schedule, piecewise_interpolate_schedule
from backprop_jax.optim.schedules.stateful import StatefulSchedule, WrappedSchedule, WrappedScheduleState
from backprop_jax.optim.schedules.warmup import (
    sgdr_schedule,
    warmup_constant_schedule,
    warmup_cosine_decay_schedule,
    warmup_exponential_decay_schedule,
)
from backprop_jax.optim.stateless_transforms import set_to_zero, stateless, stateless_with_tree_map
from backprop_jax.optim.step_count import safe_increment
from backprop_jax.optim.transform import EmptyState, Leafwise, Plan, Transform
from backprop_jax.optim.wrappers.accumulation import MultiSteps, MultiStepsState
from backprop_jax.optim.wrappers.averaged_iterates import ScheduleFreeState, schedule_free, schedule_free_eval_params
from backprop_jax.optim.wrappers.conditional import (
    ConditionallyMaskState,
    ConditionallyTransformState,
    conditionally_mask,
    conditionally_transform,
)
from backprop_jax.optim.wrappers.end_to_end import flatten
from backprop_jax.optim.wrappers.freezing import freeze, selective_transform
from backprop_jax.optim.wrappers.injected_values import InjectHyperparamsState, InjectStatefulHyperparamsState
from backprop_jax.optim.wrappers.injection import inject_hyperparams, inject_stateful_hyperparams
from backprop_jax.optim.wrappers.learned_scale import MechanicState, mechanize
from backprop_jax.optim.wrappers.loss_spikes import SkipLossSpikesState, skip_loss_spikes
from backprop_jax.optim.wrappers.masking import MaskedNode, MaskedState, masked
from backprop_jax.optim.wrappers.monitoring import MonitorState, SnapshotState, measure_with_ema, monitor, snapshot
from backprop_jax.optim.wrappers.partitioning import PartitionState, multi_transform, partition
from backprop_jax.optim.wrappers.plateau import ReduceLROnPlateauState, reduce_on_plateau
from backprop_jax.optim.wrappers.sharpness import NormalizeState, SAMState, normalize, sam
from backprop_jax.optim.wrappers.skipping import (
    ApplyIfFiniteState,
    ShouldSkipUpdateFunction,
    apply_if_finite,
    skip_large_updates,
    skip_not_finite,
)
from backprop_jax.optim.wrappers.slow_weights import LookaheadParams, LookaheadState, lookahead
from backprop_jax.optim.wrappers.weight_averages import AverageParamsState, average_params, averaged_params

__all__ = [
    "AccumulateState",
    "AddNoiseState",
    "ApplyEvery",
    "ApplyIfFiniteState",
    "AverageParamsState",
    "BacktrackingLinesearchInfo",
    "CompressedState",
    "ConditionallyMaskState",
    "ConditionallyTransformState",
    "EmaState",
    "EmptyState",
    "FactoredState",
    "GaLoreDimensionNumbers",
    "GaLoreState",
    "HutchinsonState",
    "HyperparamsState",
    "InjectHyperparamsState",
    "InjectStatefulHyperparamsState",
    "LeafSummary",
    "Leafwise",
    "LookaheadParams",
    "LookaheadState",
    "MaskedNode",
    "MaskedState",
    "MasterWeightsState",
    "MechanicState",
    "MonitorState",
    "MultiSteps",
    "MultiStepsState",
    "MuonDimensionNumbers",
    "MuonState",
    "NonNegativeParamsState",
    "NormalizeState",
    "OptimizerSummary",
    "Packed",
    "PartitionState",
    "Plan",
    "ProdigyState",
    "ReduceLROnPlateauState",
    "SAMState",
    "ScalarOrSchedule",
    "ScaleByAdaDeltaState",
    "ScaleByAdamState",
    "ScaleByAdanState",
    "ScaleByAdemamixState",
    "ScaleByAmsgradState",
    "ScaleByBacktrackingLinesearchState",
    "ScaleByBeliefState",
    "ScaleByDistanceOverGradientsState",
    "ScaleByLBFGSState",
    "ScaleByLionState",
    "ScaleByNovogradState",
    "ScaleByOptimisticGradientState",
    "ScaleByRStdDevState",
    "ScaleByRStdDevWithCountState",
    "ScaleByRmsState",
    "ScaleByRmsWithCountState",
    "ScaleByRpropState",
    "ScaleByRssState",
    "ScaleBySM3State",
    "ScaleByScheduleState",
    "ScaleBySimplifiedAdEMAMixState",
    "ScaleByZoomLinesearchState",
    "Schedule",
    "ScheduleFreeState",
    "ShouldSkipUpdateFunction",
    "SkipLossSpikesState",
    "SnapshotState",
    "SophiaState",
    "StatefulSchedule",
    "StochasticRoundingState",
    "TraceState",
    "Transform",
    "WeightDecaySchedule",
    "WrappedSchedule",
    "WrappedScheduleState",
    "ZeroNansState",
    "ZoomLinesearchInfo",
    "ZoomLinesearchState",
    "accumulate_in_momentum",
    "adabelief",
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "adamaxw",
    "adamw",
    "adan",
    "adaptive_grad_clip",
    "add_decayed_weights",
    "add_elastic_net",
    "add_noise",
    "ademamix",
    "adopt",
    "amsgrad",
    "apply_every",
    "apply_if_finite",
    "apply_updates",
    "average_params",
    "averaged_params",
    "centralize",
    "chain",
    "clip",
    "clip_by_block_rms",
    "clip_by_global_norm",
    "compress_state",
    "conditionally_mask",
    "conditionally_transform",
    "constant_schedule",
    "cosine_decay_schedule",
    "cosine_onecycle_schedule",
    "describe",
    "ema",
    "exponential_decay",
    "flat",
    "flatten",
    "freeze",
    "fromage",
    "galore",
    "global_norm",
    "groups",
    "hutchinson_estimator_diag_hessian",
    "hyperparams",
    "identity",
    "incremental_update",
    "inject_hyperparams",
    "inject_stateful_hyperparams",
    "inverse_square_root_schedule",
    "join_schedules",
    "keep_params_nonnegative",
    "lamb",
    "lars",
    "lbfgs",
    "linear_onecycle_schedule",
    "linear_schedule",
    "lion",
    "lookahead",
    "masked",
    "master_weights",
    "matching",
    "matrices_only",
    "measure_with_ema",
    "mechanize",
    "monitor",
    "multi_transform",
    "muon",
    "muon_labels",
    "nadam",
    "nadamw",
    "named_chain",
    "noisy_sgd",
    "normalize",
    "normalize_by_update_norm",
    "not_matching",
    "novograd",
    "optimistic_adam",
    "optimistic_adam_v2",
    "optimistic_gradient_descent",
    "partition",
    "per_example_global_norm_clip",
    "per_example_layer_norm_clip",
    "periodic_update",
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
    "plot_schedule",
    "polyak_sgd",
    "polynomial_schedule",
    "prodigy",
    "radam",
    "reduce_on_plateau",
    "replace_hyperparams",
    "rmsprop",
    "rprop",
    "safe_increment",
    "sam",
    "scale",
    "scale_by_adadelta",
    "scale_by_adam",
    "scale_by_adamax",
    "scale_by_adan",
    "scale_by_ademamix",
    "scale_by_adopt",
    "scale_by_amsgrad",
    "scale_by_backtracking_linesearch",
    "scale_by_belief",
    "scale_by_distance_over_gradients",
    "scale_by_factored_rms",
    "scale_by_galore",
    "scale_by_lbfgs",
    "scale_by_learning_rate",
    "scale_by_lion",
    "scale_by_muon",
    "scale_by_novograd",
    "scale_by_optimistic_gradient",
    "scale_by_param_block_norm",
    "scale_by_param_block_rms",
    "scale_by_polyak",
    "scale_by_radam",
    "scale_by_rms",
    "scale_by_rprop",
    "scale_by_rss",
    "scale_by_schedule",
    "scale_by_shape",
    "scale_by_sign",
    "scale_by_simplified_ademamix",
    "scale_by_sm3",
    "scale_by_sophia",
    "scale_by_stddev",
    "scale_by_trust_ratio",
    "scale_by_yogi",
    "scale_by_zoom_linesearch",
    "schedule_free",
    "schedule_free_adamw",
    "schedule_free_eval_params",
    "schedule_free_sgd",
    "selective_transform",
    "set_to_zero",
    "sgd",
    "sgdr_schedule",
    "sign_sgd",
    "signum",
    "simplified_ademamix",
    "skip_large_updates",
    "skip_loss_spikes",
    "skip_not_finite",
    "sm3",
    "snapshot",
    "sophia",
    "stateless",
    "stateless_with_tree_map",
    "stochastic_rounding",
    "trace",
    "value_and_grad_from_state",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
    "warmup_stable_decay_schedule",
    "with_hyperparams",
    "yogi",
    "zero_nans",
    "zoom_linesearch",
]
